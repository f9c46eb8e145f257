"""Does explain name what was planted, and as large as it is?

The server is the bundled epoll loop (or its workers), and the same with one act planted in its
protocol (planted_echo.cpp). The act's true cost is known without the tracer, see planted.py, where
it also stands which cause is right for which act, and why. A pool of runs is made once, all servers
in turn; a campaign is some pairs of a plain run and one with the act, and no two campaigns of an
act share a run: they are independent but for what the machine did at that time. The plain runs are
shared between acts.

The size of the cause that is ranked first, if it is a right one, is held against what the act costs
without a tracer: that is what its removal saves. Some causes claim no part: that they are there is
measured, but not which time they take (cause.h: guess_ns). Then there is no size to be right. Of
those that make other work dearer too, by switches or cold caches, it is also asked, and counted
apart, whether the cost lies between the part and what explain says that they take at most
(explain.h: at_most): that is a bound, and no estimate. The difference of all CPU time per message,
which explain has from traced runs, is held against what the servers say of the same runs, by the
kernel's account.
"""
import statistics
from collections import Counter

from planted import CPU, TASK_CLOCK, campaigns, findings, judged, pool, true_ns
from shares import cell, verdict

RIGHT_LEAST, INSIDE_LEAST = 0.95, 0.90


def holds(estimate, true):
    """None where nothing is estimated, or the truth is not known."""
    if not estimate["interval"] or true is None:
        return None
    low, high = estimate["interval"]
    return low <= true <= high


def range_holds(finding, true):
    """From the part to what the cause takes at most, with the intervals of both; without one there
    is the value. None where no such bound is told, or the truth is not known."""
    if not finding["at_most_ns"] or true is None:
        return None
    ends = [end for each in (finding["part_ns"], finding["at_most_ns"])
            for end in each["interval"] or [each["value"]]]
    return min(ends) <= true <= max(ends)


def examine(act, campaign, explanation):
    """One campaign's answer beside the truth."""
    true = true_ns(campaign, "untraced", act.truth)
    # By the same clock, where it can be read beside a tracer.
    traced = None if act.truth == TASK_CLOCK else true_ns(campaign, "traced", CPU)
    found = findings(explanation)
    first = found[0] if found else None
    right = first is not None and first["cause"] in act.causes
    return {"true_ns": true, "first": first["cause"] if first else "nothing", "right": right,
            "part_ns": first["part_ns"]["value"] if right else None,
            "part_holds": holds(first["part_ns"], true) if right else None,
            "at_most_ns": first["at_most_ns"]["value"] if right and first["at_most_ns"] else None,
            "range_holds": range_holds(first, true) if right else None,
            "whole_ns": explanation["cpu_ns"]["value"],
            "traced_ns": traced, "whole_holds": holds(explanation["cpu_ns"], traced),
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
        for campaign in campaigns(made[act.setting], made[act.name], settings.pairs):
            explanation, refusal = judged(settings, "explain", campaign)
            if explanation:
                answers.append(examine(act, campaign, explanation))
            else:
                refused.append(refusal)
        rows.append({"act": act.name, "right": act.causes, "reason": act.reason,
                     "truth": act.truth, "answers": answers, "refused": refused})
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


def markdown(result, settings):
    yield "## What explain finds, where it is known what was planted"
    yield (f"Campaigns of {result['pairs']} pairs of short runs; no two of an act share a run. "
           "Shares with their 95 % interval (Wilson); ns per message, means over campaigns. "
           f"{result['made_again']} runs were made again, as they were unfit.")
    yield ""
    yield ("| planted | right first | costs, ns | part found, ns | its interval holds the cost "
           "| at most, ns | from part to at most holds it "
           "| all CPU time, traced, ns | found, ns | its interval holds it |")
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for row in result["acts"]:
        answers = row["answers"]
        yield (f"| {row['act']} | {cell(*count(answers, 'right'))} | {mean(answers, 'true_ns')} "
               f"| {mean(answers, 'part_ns')} | {cell(*count(answers, 'part_holds'))} "
               f"| {mean(answers, 'at_most_ns')} | {cell(*count(answers, 'range_holds'))} "
               f"| {mean(answers, 'traced_ns')} | {mean(answers, 'whole_ns')} "
               f"| {cell(*count(answers, 'whole_holds'))} |")
    yield ""
    for row in result["acts"]:
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
    yield (f"- acts whose cause spreads: from part to at most holds the truth "
           f"{cell(*count(answers, 'range_holds'))}")
    if result["unfit"]:
        unfit = ", ".join(f"{why} ({times})" for why, times in result["unfit"].items())
        yield f"- runs that were unfit again, and are not used: {unfit}"


def sound(result):
    """A share that is shown to be too low fails; one that is not decided does not."""
    answers = [answer for row in result["acts"] for answer in row["answers"]]
    return (verdict(*count(answers, "right"), least=RIGHT_LEAST) != "NO"
            and verdict(*count(answers, "part_holds"), least=INSIDE_LEAST) != "NO")
