"""Echo servers: messages per second and CPU time, few clients and many."""
from markdown import (get, head, kernel_share, not_run, per_message, remarks, sample, scaled, table)
from rows import connections_for, cut_note, models, pins, python, warmup_for
from runs import Case
from samples import NOTHING, number, percent

TITLE = "Echo servers: 64-byte messages, ping-pong"
CONNECTIONS = [20, 20000]
FORMS = {"short": {"duration": 1.0, "warmup": 0.3, "repeat": 3},
         "long": {"duration": 20.0, "warmup": 2.0, "repeat": 3}}
PUBLISHED_NAMES = {"epoll_echo": "cpp_epoll", "poll_echo": "cpp_poll", "thread_echo": "cpp_th"}
# Of clients, for whom a window is to be long enough.
SERVED_PER_SECOND = 8000
# Forking so many processes takes a minute a run.
MOST_FORKS_IN_SHORT = 1000


def rows():
    yield python("asyncio_proto", "asyncio_proto")
    yield python("asyncio_sock", "asyncio_sock")
    yield python("asyncio_streams", "asyncio")
    yield python("gevent", "gevent", module="gevent")
    yield python("selector", "selector")
    yield python("thread", "thread", clients_per_second=4000)
    yield python("uvloop_proto", "uvloop_proto", module="uvloop")
    yield python("uvloop_sock", "uvloop_sock", module="uvloop")
    yield python("uvloop_streams", "uvloop", module="uvloop")
    yield from models("echo")


def cases(settings):
    made = []
    for asked in settings.connections:
        for row in rows():
            connections, why = connections_for(row, asked)
            impossible = row.missing()
            if row.most and row.most == 1 < asked:
                impossible = "it serves one client after the other: see its row under scale"
            if settings.form == "short" and row.name == "fork_echo" and \
                    connections > MOST_FORKS_IN_SHORT:
                impossible = (f"forking {connections:,} processes takes a minute a run: --long "
                              "has it")
            made.append(Case(
                name=f"{row.name} at {asked:,}", row=row.name, server=list(row.server),
                asked=asked, connections=connections, options=pins(settings),
                note=cut_note(connections, [asked], why),
                published=row.published or PUBLISHED_NAMES.get(row.name, ""),
                impossible=impossible,
                duration_s=max(settings.duration, round(connections / SERVED_PER_SECOND, 1)),
                warmup_s=warmup_for(row, connections, settings.warmup)))
    return made


def markdown(made, about, published):
    seconds = published["echo"]["seconds"]
    windows = sorted({case.duration_s for case in made})
    notes = [f"Windows of {' and '.join(f'{window:g}' for window in windows)} s" + (
                 "." if windows == [seconds] else
                 f"; stime and utime are scaled to the {seconds} s of the published runs."),
             "The published stime and utime add up to about 30 s for every server, which was then "
             "busy for so long; compare the kernel's share. Ours are of the window alone, and "
             "include what tracing costs the server.",
             "Messages per connection are those of the window, at the 5th and the 95th percentile "
             "of the connections."]
    yield from head(TITLE, made, about, notes)
    for asked in sorted({case.asked for case in made}):
        theirs = published["echo"]["by_connections"].get(str(asked), {})
        yield ""
        yield f"## {asked:,} connections"
        yield ""
        yield from table(
            ["<server", "<published as", "Kmps, published", "Kmps", "deviation",
             "stime, utime (s), published", "stime (s)", "utime (s)", "kernel's share, published",
             "kernel's share", "p50 (ms)", "p99 (ms)", "messages per connection, p5 / p95",
             "system calls per message", "<remarks"],
            (line(case, theirs.get(case.published), seconds)
             for case in made if case.asked == asked and case.runs))
    yield from not_run(made)
    yield ""
    yield f"Published: {published['source']}."


def line(case, theirs, seconds):
    kmps = sample(case, lambda report: in_thousands(get(report, "throughput.messages_per_second")))
    fair = [sample(case, f"fairness.{percentile}").mean for percentile in ("p5", "p95")]
    return [case.row, case.published or NOTHING,
            number(theirs[0]) if theirs else NOTHING, kmps.text(), number(kmps.deviation),
            f"{theirs[1]}, {theirs[2]}" if theirs else NOTHING,
            sample(case, scaled("cpu.system_ns", seconds, 1e9)).text(),
            sample(case, scaled("cpu.user_ns", seconds, 1e9)).text(),
            percent(theirs[1] / (theirs[1] + theirs[2])) if theirs else NOTHING,
            percent(sample(case, kernel_share).mean),
            sample(case, milliseconds("p50")).text(), sample(case, milliseconds("p99")).text(),
            " / ".join(number(value) for value in fair),
            number(sample(case, per_message("syscalls")).mean), remarks(case)]


def in_thousands(value):
    return None if value is None else value / 1000


def milliseconds(percentile):
    def find(report):
        value = get(report, f"latency_ns.{percentile}")
        return None if value is None else value / 1e6
    return find
