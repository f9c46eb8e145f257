"""How long does it take to compare stored runs, and to make the intervals of a comparison?"""
import json
import time

from process import CPUS, Child

TIMES = 10  # per round
RUN = ("--load", "echo", "--connections", 8, "--warmup", "100ms", "--duration", "300ms")


def measure(settings):
    program, store = settings.build / "trace-run", settings.folder / "runs.db"
    for server in ("epoll_echo", "thread_echo"):
        settings.progress(f"a run of {server} to be compared")
        with Child([program, *RUN, "--db", store, "--quiet", "--json", settings.folder / "run.json",
                    settings.build / "servers" / server]) as child:
            child.ran()
    least = float("inf")
    for number in range(TIMES * settings.rounds):
        settings.progress(f"comparison {number + 1} of {TIMES * settings.rounds}")
        begin = time.monotonic_ns()
        # Short runs beside whatever this machine is busy with: fit or not is no matter here.
        with Child([program, "compare", "--force", "--db", store, "1", "2"], cpus=CPUS[-1:],
                   first=True) as child:
            child.ran()
        least = min(least, (time.monotonic_ns() - begin) / 1e6)
    settings.progress("intervals")
    with Child([settings.programs / "benchmark_bootstrap", "--benchmark_format=json",
                f"--benchmark_repetitions={settings.rounds}"], cpus=CPUS[-1:], first=True,
               answers=True) as child:
        repetitions = json.loads(child.process.stdout.read())["benchmarks"]
    return {"compare_ms": least,
            "bootstrap_ms": min(each["real_time"] for each in repetitions
                                if each["run_type"] == "iteration")}


def markdown(result, settings):
    yield "## Comparing"
    yield (f"- two stored runs, from the command to the end of its report: "
           f"{result['compare_ms']:.1f} ms, the least of {TIMES * settings.rounds}")
    yield (f"- the differences and ratios of 200 figures over 30 pairs of runs with their intervals, "
           f"10,000 draws each: {result['bootstrap_ms']:.0f} ms, the least of {settings.rounds} means")


def sound(_result):
    return True
