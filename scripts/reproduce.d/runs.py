"""Runs the cases of a table, as the cells of one sweep, and keeps what came of each run."""
import json
import shlex
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRACE_RUN = ROOT / "build/release/trace-run"
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

    def line(self, output):
        """In a list of cells; the server's own words go to the file `output`."""
        return shlex.join([f"{self.name}:", "--server-output", str(output),
                           "--connections", str(self.connections),
                           "--duration", f"{self.duration_s:g}s",
                           "--warmup", f"{self.warmup_s:g}s", *self.options, *self.server])


def as_json(cases):
    return [asdict(case) for case in cases]


def from_json(values):
    return [Case(**value) for value in values]


def runnable(cases):
    return [case for case in cases if not case.impossible]


def estimate_s(cases, repeats):
    return repeats * sum(case.seconds() for case in runnable(cases))


def unfinished(cases, repeats):
    """Whether runs are missing that did not fail."""
    return any(not case.failures and len(case.runs) < repeats for case in runnable(cases))


def measure(cases, repeats, kept=None):
    """Makes the runs that the folder `kept` does not hold yet, and gives each case its own, those
    that failed among them. Runs are missing where a signal has ended it."""
    todo = runnable(cases)
    with tempfile.TemporaryDirectory() as temporary:
        folder = kept or Path(temporary) / "runs"
        outputs = [Path(temporary) / f"{number}.txt" for number in range(len(todo))]
        if todo:
            sweep([case.line(output) for case, output in zip(todo, outputs)], repeats, folder)
        for number, (case, output) in enumerate(zip(todo, outputs)):
            manifest = json.loads((folder / "sweep.json").read_text())
            case.impossible = manifest["cells"][number]["skipped"]
            case.runs = [report_of(run) if run.suffix == ".run" else
                         {"failure": why_it_failed(run, output)} for repeat in range(repeats)
                         for run in folder.glob(f"{number + 1:04}-*-{repeat + 1}.*")]


def sweep(lines, repeats, folder):
    """Ends with us. The first Ctrl-C lets the run that is being made come to its end."""
    started, signals = [], []

    def pass_on(number, _):
        signals.append(number)
        for child in started:
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    # In a process group of its own, the terminal's Ctrl-C comes to it only through us.
    with subprocess.Popen(["setpriv", "--pdeathsig", "TERM", TRACE_RUN, "sweep", "--cells", "-",
                           "--repeats", str(repeats), "--out", folder], text=True, process_group=0,
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        started.append(child)
        if signals:  # while it was started
            child.terminate()
        child.communicate("\n".join(lines) + "\n")
    # 4: no run is fit to be compared, as the table says too.
    if child.returncode not in (0, 4) and not signals and not any(folder.glob("*.failed")):
        sys.exit(max(child.returncode, 1))  # it has said why


def report_of(run):
    made = subprocess.run([TRACE_RUN, "report", run, "--json", "-"], capture_output=True, text=True,
                          check=False)
    if made.returncode != 0:
        return {"failure": last_line(made.stderr)}
    return {key: value for key, value in json.loads(made.stdout).items() if key not in LEFT_OUT}


def why_it_failed(noted, server_output):
    """What trace-run says, and the server's own last line, which often knows more."""
    why = last_line(noted.read_text())
    said = server_output.read_text(errors="replace") if server_output.exists() else ""
    # The first line says where it listens.
    return f"{why} (the server's last line: {last_line(said)})" if "\n" in said.strip() else why


def last_line(text):
    return (text.strip().splitlines() or ["it said nothing"])[-1]
