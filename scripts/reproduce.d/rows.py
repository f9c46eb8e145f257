"""Which servers are there to measure, what do they need, and how many clients can they serve?"""
import importlib.util
import os
import resource
from dataclasses import dataclass

CPUS = sorted(os.sched_getaffinity(0))
# What the load needs besides one open file per connection: kOtherFiles in tracer/load/limits.cpp.
# The servers need fewer.
OTHER_FILES = 96
WORKERS = 256


@dataclass(frozen=True)
class Row:
    name: str
    server: tuple
    published: str = ""
    module: str = ""  # of Python, that must be there
    most: int = 0  # clients that it serves at once, by its design; 0: any number
    clients_per_second: int = 20000  # so fast does it get ready for them, about
    options: tuple = ()  # trace-run's

    def missing(self):
        if self.module and importlib.util.find_spec(self.module) is None:
            return (f"Python has no module {self.module} here: install python3-{self.module} "
                    "(scripts/setup python)")
        return ""


def models(protocol):
    """Ours in C++, all of them."""
    pool = ("--workers", str(WORKERS))
    details = {"single": {"most": 1}, "threadpool": {"most": WORKERS}, "prefork": {"most": WORKERS},
               "thread": {"clients_per_second": 2500}, "fork": {"clients_per_second": 400}}
    for model in ("single", "thread", "threadpool", "fork", "prefork", "selector", "poll", "epoll",
                  "epoll_workers", "coroutine", "uring"):
        name = f"{model}_{protocol}"
        more = pool if model in ("threadpool", "prefork") else ()
        yield Row(name, (f"servers/{name}", "--port", "0", *more),
                  **details.get(model, {}))


def python(name, published, **details):
    return Row(f"python/{name}", (f"servers/python/{name}", "--port", "0"), published, **details)


def most_connections():
    """What the open files allow, and the sentence that says so. Each connection is an open file on
    both sides, the load's and the server's; the limit is of each process."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return 1 << 20, ""
    return max(1, hard - OTHER_FILES), (
        f"a process may have {hard:,} open files here: one is needed per connection on each side, "
        f"and the load needs up to {OTHER_FILES} for itself")


def connections_for(row, asked):
    """How many of those asked for are run, and why not all; "" when all are."""
    possible, _ = most_connections()
    if row.most and asked > row.most and row.most <= possible:
        return row.most, "it serves so many at a time"
    if asked > possible:
        return possible, "too few open files"
    return asked, ""


def cut_note(connections, asked, why):
    """`asked`: all the counts that came down to these connections; "" where none did."""
    if not asked or not why:
        return ""
    return f"{connections:,} of {', '.join(f'{count:,}' for count in asked)} connections: {why}"


def limit_sentence(asked):
    """What the limit of open files did to the connection counts that were asked for."""
    possible, why = most_connections()
    if all(count <= possible for count in asked):
        return ""
    cut = ", ".join(f"{count:,}" for count in asked if count > possible)
    return f"{cut} connections were asked for, {possible:,} are run: {why}."


def warmup_for(row, connections, shortest_s):
    """Long enough to take in the clients, so that the window shows the steady state: the load waits
    for half the warm-up for each one's first answer."""
    return round(shortest_s + 2 * connections / row.clients_per_second, 1)


def pins(settings):
    """trace-run's options for one CPU for the server and the others for the load."""
    server = settings.pin or str(CPUS[-1])
    load = settings.pin_load or ",".join(str(cpu) for cpu in CPUS[:-1] or CPUS)
    options = []
    for option, cpus in (("--pin", server), ("--pin-load", load)):
        if cpus != "none":
            options += [option, cpus]
    return options


def pins_sentence(settings):
    options = pins(settings)
    if not options:
        return "Neither server nor load was pinned."
    of = dict(zip(options[::2], options[1::2]))
    place = {name: f"pinned to CPU {cpus}" if (cpus := of.get(option)) else "not pinned"
             for name, option in (("server", "--pin"), ("load", "--pin-load"))}
    shared = " They share it: this machine has one CPU." if len(CPUS) == 1 else ""
    return f"The server was {place['server']}, the load {place['load']}.{shared}"
