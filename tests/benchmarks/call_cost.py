"""What does a tracer add to one system call, and to one pipe round trip with its switches?"""
import time

from process import CPUS, Child, Failed
from tools import all_tools

WINDOWS = 10  # per question: enough for many questions, few enough for the slowest tool
KINDS = ("syscall", "switch")
FORMULA = "added per switch = (added per round trip - 4 x added per syscall) / 2"


class Least:
    """The least time per repetition of each kind that a tool left the target, over all rounds."""

    def __init__(self):
        self.ns = {kind: float("inf") for kind in KINDS}

    def measure(self, target, seconds):
        """Returns how many getppid calls the target made meanwhile."""
        calls = 0
        for kind in KINDS:
            end = time.monotonic() + seconds
            while True:
                ns, repetitions = target.ask(f"{kind} {WINDOWS}").split()
                self.ns[kind] = min(self.ns[kind], float(ns))
                calls += int(repetitions) if kind == "syscall" else 0
                if time.monotonic() > end:
                    break
        return calls


def measure(settings):
    tools = all_tools(settings.build)
    missing = {tool.name: f"{tool.missing()} is not installed" for tool in tools if tool.missing()}
    tools = [tool for tool in tools if tool.name not in missing]
    least = {tool.name: Least() for tool in tools}
    failed, counts = {}, []
    for number in range(settings.rounds):
        for tool in tools:
            settings.progress(f"round {number + 1} of {settings.rounds}: {tool.name}")
            try:
                with Child([settings.programs / "benchmark_target", CPUS[-1]], first=True,
                           answers=True) as target:
                    with tool.attached(target, settings.folder) as result:
                        made = least[tool.name].measure(target, settings.seconds)
                if tool.is_trace_run:
                    counted = result["report"]["syscalls"]["getppid"]["calls"]
                    counts.append({"tool": tool.name, "made": made, "counted": counted})
            except Failed as failure:
                failed.setdefault(tool.name, []).append(str(failure))

    bare = least["bare"].ns
    results = []
    for tool in tools:
        if len(failed.get(tool.name, [])) == settings.rounds:
            missing[tool.name] = failed[tool.name][0]
            continue
        added = {kind: least[tool.name].ns[kind] - bare[kind] for kind in KINDS}
        switch = (added["switch"] - 4 * added["syscall"]) / 2
        results.append({"tool": tool.name, "collects": tool.collects,
                        "syscall_ns": added["syscall"], "round_trip_ns": added["switch"],
                        "switch_ns": switch if tool.traces_switches else None,
                        "failed_rounds": failed.get(tool.name, [])})
    return {"bare_syscall_ns": bare["syscall"], "bare_round_trip_ns": bare["switch"],
            "added": results, "not_measured": missing, "getppid_counts": counts}


def markdown(result, settings):
    kinds = {"syscall": f"one getppid() (bare: {result['bare_syscall_ns']:.0f} ns)",
             "switch": f"one pipe round trip (bare: {result['bare_round_trip_ns']:,.0f} ns): "
                       "4 calls, 2 context switches with their wake-ups"}
    wanted = [kinds[kind] for kind in KINDS if kind in settings.only]
    yield f"## What tracing adds to {', and to '.join(wanted)}"
    yield ("Least of many short windows, over "
           f"{settings.rounds} interleaved rounds; the program's CPU: {CPUS[-1]}. {FORMULA}.")
    yield ""
    yield "| tool | collects | ns per syscall | ns per round trip | ns per context switch |"
    yield "|---|---|---:|---:|---:|"
    for row in result["added"]:
        if row["tool"] != "bare":
            figures = (f"{row[key]:,.0f}" if row[key] is not None else ""
                       for key in ("syscall_ns", "round_trip_ns", "switch_ns"))
            yield f"| {row['tool']} | {row['collects']} | {' | '.join(figures)} |"
    yield ""
    for name, reason in result["not_measured"].items():
        yield f"- {name}: not measured: {reason}"
    for row in result["added"]:
        if row["failed_rounds"]:
            yield f"- {row['tool']}: {len(row['failed_rounds'])} rounds failed: {row['failed_rounds'][0]}"
    counts = result["getppid_counts"]
    wrong = [count for count in counts if count["made"] != count["counted"]]
    made = sum(count["made"] for count in counts)
    yield (f"- trace-run's count of the {made:,} getppid() calls made in {len(counts)} runs of all "
           f"its modes: {'exact in each' if not wrong else 'WRONG'}")
    for count in wrong:
        yield f"  - {count['tool']} counted {count['counted']:,} of {count['made']:,}"


def sound(result):
    return all(count["made"] == count["counted"] for count in result["getppid_counts"])
