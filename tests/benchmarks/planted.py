"""What is planted in the bundled servers, and runs of them with what the act has truly cost."""
import json
import random
from dataclasses import dataclass

from process import CPUS, Child, Failed, go_ahead, last_line

PAIRS = 6  # per campaign: as many as explain makes unless it is told otherwise
WARMUP_MS, WINDOW_MS = 100, 300
CONNECTIONS = 8
PLAIN = "none"

# Where the truth comes from. The clock: the readings around each act, less those around none, in
# the very runs that are judged. The CPU: the process's CPU time by the kernel's account
# (CLOCK_PROCESS_CPUTIME_ID), less that of the plain server: where the act makes other threads run
# or leaves a cost behind, which no clock around it sees.
CLOCK, CPU = "act_ns", "cpu_ns"


@dataclass(frozen=True)
class Setting:
    """What the plain server and those with an act have in common."""
    model: str
    pinned: bool = True  # to one CPU, which is not the load's
    plain: tuple = ("--act", PLAIN)

    def options(self):
        if len(CPUS) < 2:
            raise Failed("server and load need a CPU each")
        cpus = CPUS[-1:] if self.pinned else CPUS[-2:]
        return ["--pin", ",".join(map(str, cpus)), "--pin-load", CPUS[0], "--load", "echo",
                "--connections", CONNECTIONS]


@dataclass(frozen=True)
class Planted:
    name: str
    setting: Setting
    arguments: tuple
    # The causes that are right to be named first, and why these: written down before any was
    # measured.
    causes: tuple
    reason: str
    truth: str = CLOCK


ONE_CPU = Setting("epoll")
TWO_CPUS = Setting("epoll", pinned=False)
POOL = Setting("epoll_workers", plain=("--act", "spin", "--size", "3000", "--workers", "1"))


def act(name, size):
    return ("--act", name, "--size", str(size))


ACTS = (
    Planted("futex pair", ONE_CPU, act("futex", 4), ("locks",),
            "its time is in futex calls, and there were none"),
    Planted("hand-off", ONE_CPU, act("handoff", 1), ("locks",),
            "two threads pass a word to each other by futex; the switches are what that takes",
            CPU),
    Planted("delay in a stage", ONE_CPU, act("spin", 3000), ("own_code",),
            "it is in user code, where no cause but the server's own code claims anything"),
    Planted("forced migration", TWO_CPUS, act("migrate", 1), ("migration",),
            "a migration per message, by sched_setaffinity", CPU),
    Planted("mmap and munmap", ONE_CPU, act("map", 4), ("allocator",),
            "memory is mapped and given back with each message"),
    Planted("O(N) scan, poll", ONE_CPU, act("poll", 64), ("readiness_scan",),
            "poll(2) looks at each of 64 descriptors"),
    Planted("O(N) scan, own list", ONE_CPU, act("walk", 1000), ("own_code",),
            "it is in user code, as the delay"),
    Planted("over-sized pool", POOL, ("--act", "spin", "--size", "3000", "--workers", "32"),
            ("oversubscription", "wakeup_per_message"),
            "32 loops on one CPU take turns: each sleeps and is woken for its own connection's "
            "message, or is preempted", CPU),
    Planted("needless wake-up", ONE_CPU, act("wakeup", 1), ("wakeup_per_message",),
            "a thread sleeps and is woken once more per message", CPU),
)


class Runs:
    """Measures single runs, each with a server process of its own, and keeps them as files."""

    def __init__(self, settings):
        self.settings = settings
        self.count = 0
        self.made_again = 0

    def measure(self, setting, arguments, options=()):
        """The file, whether it is fit, why not, and the server's own word on what it did. A run
        that is unfit is made once more, as explain and compare do it."""
        run = self._once(setting, arguments, options)
        if run["unfit"]:
            self.made_again += 1
            run = self._once(setting, arguments, options)
        return run

    def _once(self, setting, arguments, options):
        self.count += 1
        folder = self.settings.folder
        file, report, truth = (folder / f"{self.count}.{kind}" for kind in ("run", "json", "truth"))
        truth.touch()
        truth.chmod(0o666)
        program = self.settings.programs / f"{setting.model}_planted"
        with Child([self.settings.build / "trace-run", *setting.options(),
                    "--warmup", f"{WARMUP_MS}ms", "--duration", f"{WINDOW_MS}ms", *options,
                    "--no-db", "--quiet", "--save", file, "--json", report, "--", program,
                    "--truth", truth, *arguments], first=True) as child:
            child.ran()
        verdict = json.loads(report.read_text())["verdict"]
        report.unlink()
        lines = truth.read_text().splitlines()
        truth.unlink()
        if len(lines) != 1:
            raise Failed(f"{program.name} {' '.join(arguments)} has not told what it did")
        return {"file": file, "unfit": verdict["unfit_because"], **json.loads(lines[0])}


def pool(settings, sides, count):
    """`count` runs of each side (name -> setting and arguments), in rounds, each in an order of
    chance: so what drifts falls on all alike. Name -> its runs; the n-th of each are of one
    round."""
    go_ahead()
    runs = Runs(settings)
    made = {name: [] for name in sides}
    order = random.Random(1)
    for number in range(count):
        names = list(sides)
        order.shuffle(names)
        for name in names:
            settings.progress(f"round {number + 1} of {count}: {name}")
            made[name].append(runs.measure(*sides[name]))
    return made, runs.made_again


def campaigns(runs_a, runs_b, pairs):
    """Pairs of A's and B's runs, cut into campaigns that share none."""
    paired = list(zip(runs_a, runs_b))
    return [paired[at:at + pairs] for at in range(0, len(paired) - pairs + 1, pairs)]


def true_ns(campaign, truth):
    """Of those pairs that the tool may use: what B's act has cost per message, or None."""
    costs = [b[truth] - a[truth] for a, b in campaign if not a["unfit"] and not b["unfit"]]
    return sum(costs) / len(costs) if costs else None


def judged(settings, command, campaign):
    """What the tool makes of a campaign: its JSON, or the one line with which it refuses."""
    files_a, files_b = zip(*((a["file"], b["file"]) for a, b in campaign))
    with Child([settings.build / "trace-run", command, "--paired", "--json", "-", *files_a, "--vs",
                *files_b]) as child:
        code = child.process.wait()
        output = child.output()
    return (json.loads(output), None) if code == 0 else (None, last_line(output))
