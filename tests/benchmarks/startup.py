"""How long from the command to the first traced instruction?"""
import statistics
import time

from process import Child


def measure(settings):
    program = settings.programs / "benchmark_first_act"
    output = settings.folder / "first_act"
    tracing = [settings.build / "trace-run", "--load", "none", "--no-db", "--quiet", "--json",
               settings.folder / "report.json", "--server-output", output, "--", program]
    times = {"bare": [], "traced": []}
    for number in range(2 * settings.rounds):
        settings.progress(f"start-up {number + 1} of {2 * settings.rounds}")
        for kind, command in (("bare", [program]), ("traced", tracing)):
            begin = time.monotonic_ns()
            with Child(command, first=True) as child:
                printed = child.ran()
            acted = int(printed if kind == "bare" else output.read_text())
            times[kind].append((acted - begin) / 1e6)
    return {kind: {"least_ms": min(values), "median_ms": statistics.median(values),
                   "runs": len(values)} for kind, values in times.items()}


def markdown(result, _settings):
    yield "## From the command to the first act of the traced program"
    yield "| | least | median |"
    yield "|---|---:|---:|"
    for kind, name in (("bare", "started alone"), ("traced", "started by trace-run")):
        yield f"| {name} | {result[kind]['least_ms']:.1f} ms | {result[kind]['median_ms']:.1f} ms |"
    yield ""
    yield (f"{result['traced']['runs']} runs each, at nice -20. The end is main() of a static "
           "program, which reads the clock first: a little after its first instruction.")


def sound(_result):
    return True
