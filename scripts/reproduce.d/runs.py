"""Runs the cases of a table, taking turns, and keeps what came of each run."""
import contextlib
import json
import math
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/benchmarks"))
from process import Child, Failed, last_line, status_field  # noqa: E402

PATIENCE_S = 60  # beyond a run's own time, for a slow machine
LOOK_S = 0.25  # between two looks at the tracer's memory
# What a table does not need, and what is large: a line per thread.
LEFT_OUT = ("threads", "cross_check", "life")


@dataclass
class Case:
    """One row of a table at one setting: a command, and what its runs gave."""
    name: str
    row: str  # which is shown as
    server: list
    asked: int  # connections
    connections: int  # that are run: as many, or as this machine or the server's design allows
    options: list = field(default_factory=list)  # trace-run's, beyond what all have
    setting: str = ""  # what tells it from other cases of the row: "unpinned"
    published: str = ""  # name there; empty: not published
    note: str = ""
    impossible: str = ""  # why it cannot run here
    duration_s: float = 1
    warmup_s: float = 0.5
    runs: list = field(default_factory=list)  # reports, each with "tracer", or {"failure": why}

    @property
    def reports(self):
        return [run for run in self.runs if "failure" not in run]

    @property
    def failures(self):
        return [run["failure"] for run in self.runs if "failure" in run]

    def seconds(self):
        """How long a run takes about: starting and ending are more for many connections."""
        return self.warmup_s + self.duration_s + 0.8 + self.connections / 2500

    def words(self, report, output):
        return [ROOT / "build/release/trace-run", "--no-db", "--quiet", "--json", report,
                "--server-output", output, "--connections", self.connections,
                "--duration", f"{self.duration_s:g}s", "--warmup", f"{self.warmup_s:g}s",
                *self.options, *self.server]


def as_json(cases):
    return [asdict(case) for case in cases]


def from_json(values):
    return [Case(**value) for value in values]


def runnable(cases):
    return [case for case in cases if not case.impossible]


def estimate_s(cases, repeats):
    return repeats * sum(case.seconds() for case in runnable(cases))


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def run_once(case, folder):
    """The report of one run, or {"failure": why}. A run that reported and failed, as after wrong
    answers, is a failure."""
    report, output = folder / "report.json", folder / "server.txt"
    for file in (report, output):
        file.unlink(missing_ok=True)
    peak = None
    try:
        with Child(case.words(report, output)) as child:
            deadline = time.monotonic() + 2 * case.seconds() + PATIENCE_S
            while True:
                try:
                    code = child.process.wait(LOOK_S)
                    break
                except subprocess.TimeoutExpired:
                    peak = peak_of(child.pid, peak)
                if time.monotonic() > deadline:
                    raise Failed("it did not end in time, and was ended")
            if code != 0:
                return {"failure": why_it_failed(child.output(), output)}
        result = json.loads(report.read_text())
    except Failed as failure:
        return {"failure": str(failure)}
    except (OSError, ValueError) as error:
        return {"failure": f"its report cannot be read: {error}"}
    for key in LEFT_OUT:
        result.pop(key, None)
    result["tracer"] = {"peak_bytes": peak}
    return result


def why_it_failed(said, server_output):
    """trace-run's own last line, and the server's, which often knows more."""
    why = last_line(said).removeprefix("trace-run: ")
    with contextlib.suppress(OSError):
        lines = server_output.read_text(errors="replace").strip().splitlines()
        if len(lines) > 1:  # the first says where it listens
            why += f" (the server's last line: {lines[-1]})"
    return why


def peak_of(pid, known):
    try:
        return 1024 * status_field(pid, "VmHWM")
    except (OSError, AttributeError):  # gone, or as good as
        return known


def measure(cases, repeats, folder):
    """Each case once, then each a second time, and so on: the drift of the machine is then spread
    over all of them. False when the user has ended it; what there is by then is kept."""
    todo = runnable(cases)
    total, done, begin = repeats * len(todo), 0, time.monotonic()
    try:
        for turn in range(repeats):
            for case in todo:
                left = estimate_s(todo, repeats) - (time.monotonic() - begin)
                progress(f"run {done + 1} of {total} (repeat {turn + 1}): {case.name}, about "
                         f"{max(1, math.ceil(left / 60))} min left")
                case.runs.append(run_once(case, folder))
                done += 1
    except KeyboardInterrupt:
        return False
    finally:
        progress("")
    return True
