"""What is planted in the bundled servers, and runs of them with what the act has truly cost."""
import json
import random
import statistics
from dataclasses import dataclass

from process import CPUS, Child, Failed, last_line

TRIES = 4  # of a run, until it is fit: what happens beside it on this machine is not judged here
PAIRS = 6  # per campaign: as many as explain makes unless it is told otherwise
WARMUP_MS, WINDOW_MS = 100, 300
CONNECTIONS = 32
# More than the server can do, so that it never sleeps of itself on either side; a load with a plan
# and a CPU of its own does not sleep either. So nobody else gets their CPUs on a busy machine, and
# the plain server does not look different for having more time to spare.
RATE = 100_000
STAGE_NS = 5000  # of work with each message, on both sides: else the load is the limit
LOAD = ("--rate", RATE, "--warmup", f"{WARMUP_MS}ms", "--duration", f"{WINDOW_MS}ms")
PLAIN = "none"

# Where the truth comes from. The clock: the readings around each act, less those around none. The
# CPU: the process's CPU time by the kernel's account (CLOCK_PROCESS_CPUTIME_ID), less that of the
# plain server: where the act makes other threads run or leaves a cost behind, which no clock around
# it sees. Beside each traced run stands one that is not traced, with the same load: probes make
# each system call dearer, and who takes the act away saves what it costs without them.
# Perf's clock: the process's task-clock, for threads that come from another CPU. The kernel's account
# of these begins when they are put on the run queue, before the CPU has heard of it (the scheduler
# skips a look at the clock there); perf's, as ours, begins with the switch. But perf makes switches
# dearer itself: by how much the kernel's account tells, of runs with perf and without (perf_ns()).
CLOCK, CPU, TASK_CLOCK = "act_ns", "cpu_ns", "task_clock_ns"


@dataclass(frozen=True)
class Setting:
    """What the plain server and those with an act have in common."""
    model: str
    pinned: bool = True  # to one CPU, which is not the load's
    plain: tuple = ("--act", PLAIN)
    connections: int = CONNECTIONS
    task_clock: bool = False  # read where there is no tracer: it makes switches dearer

    def cpus(self):
        if len(CPUS) < 2:
            raise Failed("server and load need a CPU each")
        return CPUS[-1:] if self.pinned else CPUS[-2:]

    def load_cpus(self):
        """Where the server leaves one of its CPUs idle, the load, which never sleeps, is on all of
        them: else other programs get what is left, and no run is fit on a busy machine."""
        return CPUS[:1] if self.pinned else self.cpus()

    def load(self, pin="--pin", threads="--threads"):
        cpus = self.load_cpus()
        return [pin, ",".join(map(str, cpus)), threads, len(cpus),
                "--connections", self.connections, *LOAD]

    def options(self):
        return ["--pin", ",".join(map(str, self.cpus())), "--load", "echo",
                *self.load("--pin-load", "--load-threads")]


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
TWO_CPUS = Setting("epoll", pinned=False, task_clock=True)
# Few threads: a session's weight is shared out by where its threads are (sched(7), autogroup), and
# with 32 on the server's CPU the load's was left to whoever else wanted it.
POOL = Setting("epoll_workers", plain=("--act", PLAIN, "--workers", "1"), connections=8)


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
            "a migration per message, by sched_setaffinity", TASK_CLOCK),
    Planted("mmap and munmap", ONE_CPU, act("map", 4), ("allocator",),
            "memory is mapped and given back with each message"),
    Planted("O(N) scan, poll", ONE_CPU, act("poll", 64), ("readiness_scan",),
            "poll(2) looks at each of 64 descriptors"),
    Planted("O(N) scan, own list", ONE_CPU, act("walk", 1000), ("own_code",),
            "it is in user code, as the delay"),
    Planted("over-sized pool", POOL, ("--act", PLAIN, "--workers", "8"),
            ("oversubscription", "wakeup_per_message"),
            "8 loops on one CPU take turns: each sleeps and is woken for its own connection's "
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

    def measure(self, setting, arguments):
        """The file, why it is unfit, and the server's own word on what it did in that run
        ("traced"). A run that is unfit is made again."""
        for left in reversed(range(TRIES)):
            run = self.traced(setting, arguments)
            if not run["unfit"]:
                break
            self.made_again += left > 0
        return run

    def server(self, setting, arguments):
        """Its command, and the file for its own word."""
        # Of one name: runs of a side must have the same arguments.
        truth = self.settings.folder / "truth"
        truth.write_text("")
        truth.chmod(0o666)
        return [self.settings.programs / f"{setting.model}_planted", "--truth", truth,
                "--stage", STAGE_NS, *arguments], truth

    def traced(self, setting, arguments):
        self.count += 1
        file, report = (self.settings.folder / f"{self.count}.{kind}" for kind in ("run", "json"))
        server, truth = self.server(setting, arguments)
        with Child([self.settings.build / "trace-run", *setting.options(), "--no-db",
                    "--quiet", "--save", file, "--json", report, "--", *server],
                   first=True) as child:
            child.ran()
        verdict = json.loads(report.read_text())["verdict"]
        report.unlink()
        return {"file": file, "unfit": verdict["unfit_because"], "traced": word_of(truth)}

    def untraced(self, setting, arguments):
        """The server's own word without a tracer; where perf's clock is read, its CPU time without
        that too ("unwatched_ns")."""
        word = self.alone(setting, arguments, ["--task-clock"] * setting.task_clock)
        if setting.task_clock:
            word["unwatched_ns"] = self.alone(setting, arguments, [])[CPU]
        return word

    def alone(self, setting, arguments, more):
        command, truth = self.server(setting, arguments)
        command += more
        with Child(command, cpus=setting.cpus(), first=True, answers=True) as server:
            port = server.port()
            with Child([self.settings.build / "trace-run", "load", f"127.0.0.1:{port}",
                        *setting.load()], first=True) as load:
                load.ran()
            server.process.terminate()
            server.process.wait()
        return word_of(truth)


def word_of(truth):
    lines = truth.read_text().splitlines()
    if len(lines) != 1:
        raise Failed("the server has not told what its act has cost")
    return json.loads(lines[0])


def pool(settings, sides, count, untraced=True):
    """`count` runs of each side (name -> setting and arguments), in rounds, each in an order of
    chance: so what drifts falls on all alike. Name -> its runs; the n-th of each are of one round.
    untraced: with the server's word in a run beside each, without a tracer ("untraced")."""
    runs = Runs(settings)
    made = {name: [] for name in sides}
    order = random.Random(1)
    for number in range(count):
        names = list(sides)
        order.shuffle(names)
        for name in names:
            settings.progress(f"round {number + 1} of {count}: {name}")
            run = runs.measure(*sides[name])
            if untraced:
                run["untraced"] = runs.untraced(*sides[name])
            made[name].append(run)
    return made, runs.made_again


def campaigns(runs_a, runs_b, pairs):
    """Pairs of A's and B's runs, cut into campaigns that share none."""
    paired = list(zip(runs_a, runs_b))
    return [paired[at:at + pairs] for at in range(0, len(paired) - pairs + 1, pairs)]


def true_ns(campaign, how, truth):
    """Of those pairs that the tool may use: what B's act has cost per message, "traced" or
    "untraced". None where there is no such pair, or this was not read."""
    costs = [b[how][truth] - a[how][truth]
             for a, b in campaign if not a["unfit"] and not b["unfit"]
             and None not in (a[how][truth], b[how][truth])]
    return sum(costs) / len(costs) if costs else None


def perf_ns(runs_a, runs_b):
    """What reading perf's clock adds to what B's act costs per message, by the kernel's account."""
    def adds(runs):
        return statistics.fmean(run["untraced"][CPU] - run["untraced"]["unwatched_ns"]
                                for run in runs)
    return adds(runs_b) - adds(runs_a)


def findings(explanation):
    """What explain says makes messages dear, in its order. What only limits the throughput has no
    part in that."""
    return [each for each in explanation["findings"] if each.get("kind") != "limit"]


def judged(settings, command, campaign):
    """What the tool makes of a campaign: its JSON, or the one line with which it refuses."""
    files_a, files_b = zip(*((a["file"], b["file"]) for a, b in campaign))
    with Child([settings.build / "trace-run", command, "--paired", "--json", "-", *files_a, "--vs",
                *files_b]) as child:
        code = child.process.wait()
        output = child.output()
    return (json.loads(output), None) if code == 0 else (None, last_line(output))
