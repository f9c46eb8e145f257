"""What came of a kernel's runs: per feature whether it works there, is lacking, or has failed, and
why; of the tests how many. A run passes on evidence only: what did not run is "not run"."""
import json
import re
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

import features

WORKS, LACKING, FAILED, NOT_RUN = "works", "lacking", "failed", "not run"
# Of the load's count and the kernel's: so much of it, or the messages under way at an edge.
DISAGREEMENT = 0.001


@dataclass
class Verdict:
    word: str
    reason: str = ""


def version_of(release):
    """6.12.118+deb13-amd64: (6, 12)."""
    return tuple(int(part) for part in re.match(r"(\d+)\.(\d+)", release).groups())


def shown(version):
    return ".".join(map(str, version))


def messages(report):
    """Both counts of the same messages."""
    throughput = report["throughput"]
    load, kernel = throughput["messages_load"], throughput["messages_kernel"]
    if report["load"] is None:
        return []  # nothing was sent
    if not load:
        return ["no message was answered"]
    if report["config"]["mode"] == "count":
        return []  # does not follow sockets
    allowed = max(load * DISAGREEMENT, features.CONNECTIONS)
    if kernel is None or abs(kernel - load) > allowed:
        return [f"{load} messages by the load, {kernel} by the kernel"]
    return []


def sound(report):
    """What every run must show."""
    wrong = [f"lost: {count} ({what})" for what, count in report["lost"].items() if count]
    if report["config"]["mode"] != "count":
        wrong += features.equal("ns in no state or in two",
                                report["life"] and report["life"]["worst_residual_ns"], 0)
    if report["budget"] is not None:
        wrong += features.equal("residual of the budget in ns", report["budget"]["residual_ns"], 0)
    load = report["load"]
    if load is not None:
        for what in ("wrong_answers", "connect_failures", "silent_connections"):
            wrong += features.equal(what.replace("_", " "), load[what], 0)
    return wrong + messages(report)


def said(errors):
    """trace-run's own words for what went wrong."""
    own = [line.split("trace-run: ", 1)[1] for line in errors.splitlines()
           if line.startswith("trace-run: ")]
    return "; ".join(own) or errors.strip()[-200:] or "nothing said"


def too_old_for(reason, release):
    """Whether a reason is the kernel's age, and no refusal: "... (since Linux 6.3)"."""
    since = re.search(r"(?:before|since) Linux (\d+)\.(\d+)", reason)
    if since:
        return version_of(release) < tuple(map(int, since.groups()))
    tracepoint = re.search(r"no tracepoint (\w+)", reason)
    return bool(tracepoint) and version_of(release) < features.SINCE.get(tracepoint.group(1), (0, 0))


def refusals(report, release):
    """What the kernel could measure by its age, and does not: a verifier's refusal, for one."""
    if report["config"]["mode"] == "count":
        return []  # it was asked to do without
    locks = report["locks"] or {}
    told = [*report["unmeasured"].items(),
            *(("locks", locks.get(key) or "") for key in ("kernel_unmeasured", "holds_unmeasured"))]
    return [f"{what} unmeasured: {why}" for what, why in told
            if why and not too_old_for(why, release)] + \
        [note for note in report["notes"] if "refuse" in note]


def feature(which, release, status, report, errors):
    version = version_of(release)
    if status is None:
        return Verdict(FAILED, "did not end in time")
    if version < features.OLDEST:
        needs = f"needs Linux {shown(features.OLDEST)}"
        if status == 3 and features.REFUSED in errors:
            return Verdict(LACKING, needs)
        return Verdict(FAILED, f"{needs}, but exit status {status}: {said(errors)}")
    if status != 0:
        return Verdict(FAILED, f"exit status {status}: {said(errors)}")
    if report is None:
        return Verdict(FAILED, "no report")
    wrong = sound(report) + refusals(report, release)
    for look in which.looks:
        wrong += look(report)
    return Verdict(FAILED, "; ".join(wrong)) if wrong else Verdict(WORKS)


def limits(report):
    """What a run that works has done without, or differently, on this kernel."""
    if report["config"]["mode"] == "count":
        return []  # it was asked to do without
    told = [*report["unmeasured"].values(),
            *(note for note in report["notes"] if "kernel" in note or "Linux" in note)]
    # The same limit in two runs differs by its counts.
    return [re.sub(r"(?<![\d.])\d+(?![\d.])", "N", text) for text in told if isinstance(text, str)]


def skip_reason(output):
    """GoogleTest's: the line after "FILE:LINE: Skipped"."""
    found = re.search(r": Skipped\n(.+)", output or "")
    return found.group(1).strip() if found else "no reason"


def tests(junit, said, release):
    """Counts and names from ctest's file, and of what it said those that failed at first; a test that
    could not be started has failed, and one that was skipped without need too."""
    counts = {"passed": 0, "failed": [], "skipped": [], "again": []}
    failed_once = re.findall(r"Test +#\d+: kernel\.(\S+) .*\*\*\*(?!Skipped)", said)
    for case in junit.iter("testcase"):
        skipped, status = case.find("skipped"), case.get("status")
        name = case.get("name").removeprefix("kernel.").split("  # ")[0]
        if status == "run":
            counts["passed"] += 1
            if name in failed_once:
                counts["again"].append(name)
        elif status == "notrun" and skipped is not None and \
                (skipped.get("message") or "").startswith("SKIP_"):
            reason = skip_reason(case.findtext("system-out"))
            if too_old_for(reason, release):  # a refusal must not look like a skip
                counts["skipped"].append([name, reason])
            else:
                counts["failed"].append(f"{name} (skipped: {reason})")
        else:
            counts["failed"].append(name)
    return counts


def read(path):
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def kernel(out, chosen, guest_status, guest_errors, with_tests):
    """The folder of a guest's runs as one result, ready for JSON."""
    out = Path(out)
    outcome = json.loads(read(out / "outcome.json") or "null")
    release = outcome["kernel"] if outcome else None
    result = {"release": release, "features": {}, "limits": [], "tests": None, "problems": []}
    if guest_status != 0:
        result["problems"].append(f"the guest ended with {guest_status}: {guest_errors.strip()[-600:]}")
    elif " said:" in guest_errors:
        result["problems"].append(f"the kernel complained: {guest_errors.strip()[:600]}")
    if outcome and version_of(release) >= features.OLDEST and outcome["doctor"] != 0:
        result["problems"].append(f"trace-run doctor: exit status {outcome['doctor']}")
    limits_seen = []
    for which in chosen:
        ran = outcome and outcome["features"].get(which.name)
        if not ran:
            verdict = Verdict(NOT_RUN, "the guest ended before")
        else:
            try:
                report = json.loads(read(out / f"{which.file}.json"))
            except ValueError:
                report = None
            verdict = feature(which, release, ran["status"], report, read(out / f"{which.file}.err"))
            # Sockets told by descriptors are no limit where that was asked for.
            if report is not None and verdict.word == WORKS and \
                    features.descriptors not in which.looks:
                limits_seen += limits(report)
        result["features"][which.name] = [verdict.word, verdict.reason]
    result["limits"] = sorted(set(limits_seen))
    if with_tests and outcome and version_of(release) >= features.OLDEST:
        try:
            result["tests"] = tests(xml.parse(out / "tests.xml"), read(out / "tests.txt"), release)
        except (OSError, xml.ParseError):
            result["problems"].append("the kernel tests did not end")
    return result


def passed(result):
    """As expected: nothing failed, nothing was left out."""
    words = [word for word, _ in result["features"].values()]
    ran = result["tests"]
    return bool(words) and all(word in (WORKS, LACKING) for word in words) and \
        not result["problems"] and (ran is None or ran["passed"] > 0 and not ran["failed"])
