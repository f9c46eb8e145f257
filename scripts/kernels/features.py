"""What is tried on each kernel: trace-run's features, one a run, and what each run must show."""
from dataclasses import dataclass
from typing import Callable

CONNECTIONS = 8
LOAD = ("--connections", str(CONNECTIONS), "--duration", "2s", "--warmup", "500ms")
# What known_calls does: so many getppid, children, naps.
KNOWN = (1000, 20, 10)
# What known_locks does with one mutex, alone with it.
KNOWN_HOLDS = 5000
# Older kernels are refused as a whole, with these words of the doctor's.
OLDEST = (5, 15)
# Tracepoints of which trace-run does not say itself since when they exist.
SINCE = {"sk_data_ready": (6, 3)}
REFUSED = "boot a kernel 5.15 or later"

# Looks at a report, and gives what is wrong with it.
Look = Callable[[dict], list]


@dataclass
class Feature:
    name: str
    arguments: tuple  # trace-run's; {known} is the folder of known_calls and known_locks
    looks: tuple = ()  # beyond judge.sound()
    short: bool = False  # part of kernel-matrix --short

    @property
    def file(self):
        return "".join(c if c.isalnum() else "-" for c in self.name)


def equal(what, found, expected):
    return [] if found == expected else [f"{what}: {found}, not {expected}"]


def positive(what, found):
    return [] if found and found > 0 else [f"{what}: {found}"]


def known_calls(report):
    """Exact: the program makes these calls and no others of their kind."""
    calls = {name: row["calls"] for name, row in report["syscalls"].items()}
    getppids, children, naps = KNOWN
    clones = calls.get("clone", 0) + calls.get("clone3", 0) + calls.get("fork", 0)
    return [*equal("getppid", calls.get("getppid"), getppids),
            *equal("clone", clones, children),
            *equal("wait4", calls.get("wait4"), children),
            *equal("clock_nanosleep", calls.get("clock_nanosleep"), naps),
            *equal("exit status", report["server_exit"]["code"], 0)]


def io_uring(report):
    rings = report["io_uring"] or {}
    return [*positive("requests submitted", rings.get("submitted")),
            *positive("requests completed", rings.get("completed"))]


def paths(report):
    """Messages followed: all but those that were under way at the window's edges."""
    path = report["message_path"] or {}
    followed = path.get("messages") or 0
    counted = report["throughput"]["messages"]
    wrong = [] if followed >= counted - max(2 * CONNECTIONS, counted // 100) else \
        [f"followed {followed} messages of {counted}"]
    unresolved = ((path.get("legs") or {}).get("unresolved") or {}).get("messages") or 0
    if unresolved > max(CONNECTIONS, followed // 100):
        wrong.append(f"{unresolved} messages with parts that cannot be seen")
    return wrong


def locks(report):
    """One mutex that threads take in turns, by its name."""
    rows = (report["locks"] or {}).get("locks") or []
    return positive("waits for contended_mutex", sum(
        row["waits"] for row in rows if row["name"].startswith("contended_mutex")))


def holds(report):
    """Exact: of the program's only mutex."""
    rows = (report["locks"] or {}).get("holds") or []
    return equal("mutex held", sum(row["holds"] for row in rows
                                   if row["name"].startswith("contended_mutex")), KNOWN_HOLDS)


def waits(report):
    causes = (report["waits"] or {}).get("causes") or []
    return positive("waits by cause", sum(cause["waits"]["count"] for cause in causes))


def profile(report):
    stacks = report["stacks"] or {}
    return [*positive("stack frames", len(stacks.get("frames") or [])),
            *positive("samples", ((stacks.get("profile") or {}).get("samples")))]


def counts(report):
    return positive("system calls", sum(row["calls"] for row in report["syscalls"].values()))


def descriptors(report):
    return [] if any("looking at file descriptors" in note for note in report["notes"]) else \
        ["sockets were not told by descriptors"]


def delays(report):
    """One at each receive."""
    delayed = (report["delays"] or {}).get("count") or 0
    messages = report["throughput"]["messages"]
    return [] if delayed >= messages - CONNECTIONS else [f"{delayed} delays for {messages} messages"]


def cross_check(report):
    """Perf's count of the same switches. It lets go of a task some way before its end, and of a
    server a moment after the window's edges."""
    for row in report["cross_check"] or []:
        if row["quantity"] == "context_switches":
            off = abs(row["difference"])
            return [] if off <= max(10, row["probes"] // 100) else \
                [f"switches: {row['probes']}, and {row['other']} by perf"]
    return ["switches were not compared with perf's"]


def accepted(report):
    """A connection for each message."""
    accepts = sum(row["calls"] for name, row in report["syscalls"].items()
                  if name in ("accept", "accept4"))
    messages = report["throughput"]["messages"]
    return [] if accepts >= messages - CONNECTIONS else \
        [f"{accepts} connections accepted for {messages} messages"]


def server(name):
    return f"servers/{name}_echo"


def program(*command):
    return ("--load", "none", "--", *command)


def load(*arguments):
    return (*LOAD, *arguments)


FEATURES = (
    Feature("program, known calls", program("{known}/known_calls", *map(str, KNOWN)),
            (known_calls,), short=True),
    Feature("epoll", load(server("epoll")), short=True),
    Feature("thread", load(server("thread"))),
    Feature("fork", load(server("fork"))),
    Feature("io_uring", load(server("uring")), (io_uring,)),
    Feature("--messages, epoll", load("--messages", server("epoll")), (paths,)),
    Feature("--messages, io_uring", load("--messages", server("uring")), (paths,)),
    Feature("--messages, thread", load("--messages", server("thread")), (paths,)),
    Feature("--locks, program", ("--locks", *program("{known}/known_locks", "convoy")), (locks,)),
    Feature("--locks, thread pool", load("--locks", server("threadpool"))),
    Feature("--waits", load("--waits", server("thread")), (waits,)),
    Feature("--profile, epoll", load("--profile", server("epoll")), (profile,)),
    Feature("--profile, thread", load("--profile", server("thread")), (profile,)),
    Feature("--lock-hold, program", ("--lock-hold", *program("{known}/known_locks", "alone")),
            (holds,), short=True),
    Feature("--lock-hold, thread pool", load("--lock-hold", server("threadpool"))),
    Feature("--counts-only", load("--counts-only", server("epoll")), (counts,)),
    Feature("--inspect-descriptors", load("--inspect-descriptors", server("uring")),
            (descriptors, io_uring)),
    Feature("--delay", load("--delay", "receive=1us", server("epoll")), (delays,), short=True),
    Feature("--close", load("--close", server("fork")), (accepted,)),
    Feature("--cross-check, program",
            ("--cross-check", *program("{known}/known_calls", "1000", "20", "300")), (cross_check,)),
    Feature("--cross-check, epoll", load("--events", "context-switches", "--cross-check", server("epoll")),
            (cross_check,)),
    Feature("all at once", load("--messages", "--locks", "--waits", "--profile", server("uring")),
            (paths, waits, profile, io_uring), short=True),
)
