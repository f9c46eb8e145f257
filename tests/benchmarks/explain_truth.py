"""Does explain name what was planted, and as large as it is?

The server is the bundled epoll loop (or its workers), and the same with one act planted in its
protocol (planted_echo.cpp). The act's true cost is known without the tracer, see planted.py, where
it also stands which cause is right for which act, and why. A pool of runs is made once, all servers
in turn; a campaign is some pairs of a plain run and one with the act, and no two campaigns of an
act share a run: they are independent but for what the machine did at that time. The plain runs are
shared between acts.

The size of the cause that is ranked first, if it is a right one, is held against what the act costs
without a tracer: that is what its removal saves. How wide its interval is, and how far its value is
off, stands beside it: of an interval from nothing to anything it would mean nothing that it holds
the cost. The difference of all CPU time per message that explain takes from the runs without probes
(--bare) is held against what the servers say of theirs, by the kernel's account or by perf's.
"""
import statistics
from collections import Counter

from planted import CPU, TASK_CLOCK, campaigns, findings, judged, perf_ns, pool, true_ns
from shares import cell, verdict

RIGHT_LEAST, INSIDE_LEAST = 0.95, 0.90


def holds(estimate, true):
    """None where nothing is estimated, or the truth is not known."""
    if not estimate["interval"] or true is None:
        return None
    low, high = estimate["interval"]
    return low <= true <= high


def examine(act, campaign, explanation, perf=0.0):
    """One campaign's answer beside the truth. perf: what of it is the reading's own."""
    def truth(which):
        read = true_ns(campaign, "untraced", which)
        return None if read is None else read - perf
    true, all_cpu = truth(act.truth), truth(TASK_CLOCK if act.truth == TASK_CLOCK else CPU)
    found = findings(explanation)
    first = found[0] if found else None
    right = first is not None and first["cause"] in act.causes
    part = first["part_ns"] if right else {"value": None, "interval": None}
    bare = explanation["bare_cpu_ns"] or {"value": None, "interval": None}
    # A campaign that names the wrong cause, or no size, has the size wrong.
    sized = part["interval"] is not None
    return {"true_ns": true, "first": first["cause"] if first else "nothing", "right": right,
            "part_ns": part["value"],
            "part_holds": None if true is None else sized and holds(part, true),
            "half_ns": (part["interval"][1] - part["interval"][0]) / 2 if part["interval"] else None,
            "bare_ns": bare["value"], "all_cpu_ns": all_cpu, "bare_holds": holds(bare, all_cpu),
            "findings": [[each["cause"], each["part_ns"], each["guess_ns"]] for each in found]}


def measure(settings):
    sides = {}
    for act in settings.acts:
        sides[act.setting] = (act.setting, act.setting.plain)
        sides[act.name] = (act.setting, act.arguments)
    made, again = pool(settings, sides, settings.campaigns * settings.pairs)
    rows = []
    for act in settings.acts:
        answers, refused = [], []
        perf = perf_ns(made[act.setting], made[act.name]) if act.truth == TASK_CLOCK else 0.0
        for campaign in campaigns(made[act.setting], made[act.name], settings.pairs):
            explanation, refusal = judged(settings, "explain", campaign)
            if explanation:
                answers.append(examine(act, campaign, explanation, perf))
            else:
                refused.append(refusal)
        rows.append({"act": act.name, "right": act.causes, "reason": act.reason,
                     "truth": act.truth, "perf_ns": perf, "answers": answers, "refused": refused})
    return {"acts": rows, "pairs": settings.pairs, "made_again": again,
            "unfit": dict(Counter(why for runs in made.values() for run in runs
                                  for why in run["unfit"]))}


def count(answers, key):
    """How many hold, of those where it is to be told."""
    told = [answer[key] for answer in answers if answer[key] is not None]
    return sum(told), len(told)


def mean(answers, key):
    values = [answer[key] for answer in answers if answer[key] is not None]
    return f"{statistics.fmean(values):,.0f}" if values else "none"


def shares_of_cost(answers, of):
    return [of(answer) / answer["true_ns"] for answer in answers
            if answer["half_ns"] is not None and answer["true_ns"]]


def off(answers):
    """How far the value is from the cost, of it: on average, whichever way."""
    shares = shares_of_cost(answers, lambda each: abs(each["part_ns"] - each["true_ns"]))
    return f"{statistics.fmean(shares):.0%}" if shares else "none"


def width(answers):
    """Half of the interval, of the cost."""
    shares = shares_of_cost(answers, lambda each: each["half_ns"])
    return f"{statistics.fmean(shares):.0%}" if shares else "none"


def markdown(result, settings):
    yield "## What explain finds, where it is known what was planted"
    yield (f"Campaigns of {result['pairs']} pairs of short runs; no two of an act share a run. "
           "Shares with their 95 % interval (Wilson); ns per message, means over campaigns. "
           f"{result['made_again']} runs were made again, as they were unfit.")
    yield ""
    yield ("| planted | right first | costs, ns | part found, ns | off by | its interval, +- "
           "| holds the cost | all CPU time, ns | found without probes, ns | its interval holds it |")
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for row in result["acts"]:
        answers = row["answers"]
        yield (f"| {row['act']} | {cell(*count(answers, 'right'))} | {mean(answers, 'true_ns')} "
               f"| {mean(answers, 'part_ns')} | {off(answers)} | {width(answers)} "
               f"| {cell(*count(answers, 'part_holds'))} "
               f"| {mean(answers, 'all_cpu_ns')} | {mean(answers, 'bare_ns')} "
               f"| {cell(*count(answers, 'bare_holds'))} |")
    yield ""
    for row in result["acts"]:
        if row["perf_ns"]:
            yield (f"- {row['act']}: {row['perf_ns']:,.0f} ns, which perf's own clock adds, are "
                   "taken off what it costs")
        wrong = Counter(answer["first"] for answer in row["answers"] if not answer["right"])
        if wrong:
            others = ", ".join(f"{name} ({times})" for name, times in wrong.most_common())
            yield f"- {row['act']}: right is {' or '.join(row['right'])}; came first: {others}"
        for why, times in Counter(row["refused"]).items():
            yield f"- {row['act']}: {times} campaigns without an answer: {why}"
    answers = [answer for row in result["acts"] for answer in row["answers"]]
    right, inside = count(answers, "right"), count(answers, "part_holds")
    yield (f"- all acts: right first {cell(*right)}; {RIGHT_LEAST:.0%} and more? "
           f"{verdict(*right, least=RIGHT_LEAST)}")
    yield (f"- all acts: the part's interval holds the truth {cell(*inside)}; "
           f"{INSIDE_LEAST:.0%} and more? {verdict(*inside, least=INSIDE_LEAST)}")
    if result["unfit"]:
        unfit = ", ".join(f"{why} ({times})" for why, times in result["unfit"].items())
        yield f"- runs that were unfit again, and are not used: {unfit}"


def sound(result):
    """A share that is shown to be too low fails; one that is not decided does not."""
    answers = [answer for row in result["acts"] for answer in row["answers"]]
    return (verdict(*count(answers, "right"), least=RIGHT_LEAST) != "NO"
            and verdict(*count(answers, "part_holds"), least=INSIDE_LEAST) != "NO")
