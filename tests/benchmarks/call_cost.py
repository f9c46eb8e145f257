"""What does a tracer add to one system call, and to one pipe round trip with its switches?"""
import time

from process import CPUS, Child, Failed
from tools import all_tools

WINDOWS = 20  # per question
KINDS = ("syscall", "switch")
FORMULA = "Per context switch = (per round trip - 4 x per syscall) / 2"


def ask(target, seconds):
    """The least ns per repetition of each kind, and how many getppid calls the target made."""
    least, calls = {}, 0
    for kind in KINDS:
        end = time.monotonic() + seconds
        while kind not in least or time.monotonic() < end:
            ns, repetitions = target.ask(f"{kind} {WINDOWS}").split()
            least[kind] = min(least.get(kind, float("inf")), float(ns))
            calls += int(repetitions) if kind == "syscall" else 0
    return least, calls


def measure(settings):
    tools = all_tools(settings.build)
    missing = {tool.name: f"{tool.missing()} is not installed" for tool in tools if tool.missing()}
    tools = [tool for tool in tools if tool.name not in missing]
    rounds = {tool.name: [] for tool in tools}
    failures = {tool.name: [] for tool in tools}
    counts = []
    for number in range(settings.rounds):
        for tool in tools:
            settings.progress(f"round {number + 1} of {settings.rounds}: {tool.name}")
            try:
                with Child([settings.programs / "benchmark_target", CPUS[-1]], first=True,
                           answers=True) as target:
                    with tool.attached(target, settings.folder) as result:
                        least, made = ask(target, settings.seconds)
                rounds[tool.name].append(least)
                if tool.is_trace_run:
                    counted = result["report"]["syscalls"]["getppid"]["calls"]
                    counts.append({"tool": tool.name, "made": made, "counted": counted})
            except Failed as failure:
                failures[tool.name].append(str(failure))

    def least_ns(tool, kind):
        return min(least[kind] for least in rounds[tool])

    bare = {kind: least_ns("bare", kind) for kind in KINDS}
    results = []
    for tool in tools:
        if not rounds[tool.name]:
            missing[tool.name] = failures[tool.name][0]
            continue
        added = {kind: least_ns(tool.name, kind) - bare[kind] for kind in KINDS}
        switch = (added["switch"] - 4 * added["syscall"]) / 2
        results.append({"tool": tool.name, "collects": tool.collects,
                        "syscall_ns": added["syscall"], "round_trip_ns": added["switch"],
                        "switch_ns": switch if tool.on_switches else None,
                        "failed_rounds": failures[tool.name]})
    return {"bare_syscall_ns": bare["syscall"], "bare_round_trip_ns": bare["switch"],
            "added": results, "not_measured": missing, "getppid_counts": counts}


def markdown(result, settings):
    yield "## What tracing adds to one system call and to one context switch"
    yield (f"To one getppid() (bare: {result['bare_syscall_ns']:.0f} ns), and to one round trip of "
           f"a byte through two pipes between two threads on one CPU (bare: "
           f"{result['bare_round_trip_ns']:,.0f} ns): 4 calls, 2 context switches with their "
           f"wake-ups. {FORMULA}; shown for tools that attach to switches. Least of many short "
           f"windows over {settings.rounds} interleaved rounds, on CPU {CPUS[-1]}, at nice -20.")
    yield ""
    yield "| tool | collects | ns per syscall | ns per round trip | ns per context switch |"
    yield "|---|---|---:|---:|---:|"
    for row in result["added"]:
        if row["tool"] != "bare":
            figures = (f"{round(row[key]):,}" if row[key] is not None else ""
                       for key in ("syscall_ns", "round_trip_ns", "switch_ns"))
            yield f"| {row['tool']} | {row['collects']} | {' | '.join(figures)} |"
    yield ""
    for name, reason in result["not_measured"].items():
        yield f"- {name}: not measured: {reason}"
    for row in result["added"]:
        if row["failed_rounds"]:
            failed = row["failed_rounds"]
            yield f"- {row['tool']}: {len(failed)} of the rounds failed: {failed[0]}"
    counts = result["getppid_counts"]
    wrong = [count for count in counts if count["made"] != count["counted"]]
    made = sum(count["made"] for count in counts)
    yield (f"- trace-run's count of the {made:,} getppid() calls made in {len(counts)} runs of all "
           f"its modes: {'exact in each' if not wrong else 'WRONG'}")
    for count in wrong:
        yield f"  - {count['tool']} counted {count['counted']:,} of {count['made']:,}"


def sound(result):
    counts = result["getppid_counts"]
    return bool(counts) and all(count["made"] == count["counted"] for count in counts)
