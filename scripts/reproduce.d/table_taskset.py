"""What the kernel sees of threads in Python, free to move and pinned to one CPU."""
from markdown import get, head, not_run, per_message, remarks, sample, scaled, table
from rows import CPUS, connections_for, cut_note, pins, python, Row
from runs import Case
from samples import NOTHING, large, number

TITLE = "One lock, many threads: Python, 200 connections, unpinned and pinned"
CONNECTIONS = [200]
FORMS = {"short": {"duration": 3.0, "warmup": 0.5, "repeat": 3},
         "long": {"duration": 20.0, "warmup": 2.0, "repeat": 5}}
EVENTS = "task-clock,cycles,instructions,branches,branch-misses"
UNPINNED, PINNED = "unpinned", "pinned"


def cases(settings):
    thread = python("thread", "thread")
    asyncio = python("asyncio_streams", "asyncio")
    epoll = Row("epoll_echo", ("servers/epoll_echo", "--port", "0"), "cpp_epoll")
    made = []
    for asked in settings.connections:
        for row, setting in ((thread, UNPINNED), (thread, PINNED), (asyncio, UNPINNED),
                             (epoll, UNPINNED)):
            connections, why = connections_for(row, asked)
            published = f"{row.published}, {setting}" if row is thread else row.published
            impossible = row.missing()
            if setting == UNPINNED and row is thread and len(CPUS) < 2:
                impossible = "this machine has one CPU: there is nothing to move to"
            made.append(Case(
                name=f"{row.name}, {setting}, at {asked:,}", row=row.name, setting=setting,
                server=list(row.server), asked=asked, connections=connections,
                note=cut_note(connections, [asked], why),
                published=published, impossible=impossible,
                options=["--events", EVENTS] + (pins(settings) if setting == PINNED else []),
                duration_s=settings.duration, warmup_s=settings.warmup))
    return made


def calls(name):
    return lambda report: get(report, f"syscalls.{name}.calls") or 0


def over(find, seconds):
    """As scaled(), of what a function finds."""
    return lambda report: find(report) * seconds / (report["window_ns"] / 1e9)


def perf(event, seconds, unit=1):
    return scaled(f"perf.{event}.value", seconds, unit)


def faults(report):
    exit_ = report.get("server_exit")
    return None if exit_ is None else exit_["minor_faults"] + exit_["major_faults"]


def per(name):
    """Of the published, which are sums."""
    return lambda theirs: theirs[name] / theirs["messages"]


def quantities(seconds):
    """Name, the published figure, ours, how to write them."""
    total = [("messages", "messages", scaled("throughput.messages", seconds)),
             ("sendto", "sendto", over(calls("sendto"), seconds)),
             ("recvfrom", "recvfrom", over(calls("recvfrom"), seconds)),
             ("futex", "futex", over(calls("futex"), seconds)),
             ("context switches", "context_switches",
              scaled("scheduling.context_switches", seconds)),
             ("CPU migrations", "migrations", scaled("scheduling.migrations", seconds)),
             ("task-clock (ms)", "task_clock_ms", perf("task-clock", seconds, 1e6)),
             ("cycles", "cycles", perf("cycles", seconds)),
             ("instructions", "instructions", perf("instructions", seconds)),
             ("branches", "branches", perf("branches", seconds)),
             ("branch misses", "branch_misses", perf("branch-misses", seconds))]
    for name, key, ours in total:
        yield name, lambda theirs, key=key: theirs[key], ours, large
    yield "page faults, its whole life", lambda theirs: theirs["page_faults"], faults, large
    for name in ("sendto", "recvfrom", "futex"):
        yield f"{name} per message", per(name), per_message(name), number
    for name, key in (("context switches", "context_switches"), ("CPU migrations", "migrations")):
        yield f"{name} per message", None, per_message(key), number


def unsupported(made):
    """Perf events that this machine does not count, by reason."""
    reasons = {}
    for case in made:
        for report in case.reports:
            for event, count in report["perf"].items():
                if count.get("unsupported"):
                    reasons.setdefault(count["unsupported"], {})[event] = None
    for reason, events in reasons.items():
        yield f"Not supported here: {', '.join(events)} ({reason})."


def markdown(made, about, published):
    theirs, seconds = published["taskset"], published["taskset"]["seconds"]
    notes = [f"Windows of {about['duration']:g} s" + (
                 "." if about["duration"] == seconds else
                 f"; sums are scaled to the {seconds} s of the published runs."),
             "Unpinned, neither the server nor the load was pinned. The published context switches "
             "and migrations are of a second run, whose number of messages is not known.",
             *unsupported(made)]
    yield from head(TITLE, made, about, notes)
    for asked in sorted({case.asked for case in made}):
        chosen = [case for case in made if case.asked == asked and case.runs]
        threads = [case for case in chosen if case.row == "python/thread"]
        if threads:
            yield ""
            yield f"## Python threads, {asked:,} connections"
            yield ""
            yield from table(
                ["<"] + [f"{case.setting}, {whose}" for case in threads
                         for whose in ("published", "here")],
                thread_lines(threads, theirs, asked, seconds))
        others = [case for case in chosen if case not in threads]
        if others:
            yield ""
            yield f"## System calls per message, {asked:,} connections"
            yield ""
            yield from table(
                ["<server", "<", "messages", "sendto", "recvfrom", "epoll_wait", "mmap", "mremap",
                 "munmap", "<remarks"],
                other_lines(others, theirs, asked, seconds))
    yield from not_run(made)
    yield ""
    yield f"Published: {published['source']}."


def known(theirs, published, asked):
    return theirs[published] if asked == theirs["connections"] else None


def thread_lines(threads, theirs, asked, seconds):
    for name, their_figure, our_figure, write in quantities(seconds):
        cells = [name]
        for case in threads:
            figures = known(theirs, case.published, asked)
            cells.append(write(their_figure(figures)) if figures and their_figure else NOTHING)
            ours = sample(case, our_figure)
            cells.append(ours.text() if ours.values else "not supported here"
                         if name in ("cycles", "instructions", "branches", "branch misses")
                         else NOTHING)
        yield cells
    yield ["remarks"] + [text for case in threads for text in ("", remarks(case))]


def other_lines(others, theirs, asked, seconds):
    names = ("sendto", "recvfrom", "epoll_wait", "mmap", "mremap", "munmap")
    for case in others:
        figures = known(theirs, case.published, asked)
        if figures:
            each = figures.get("per_message", {})
            yield [case.row, "published", large(figures["messages"])] + [
                number(figures[name] / figures["messages"]) if name in figures
                else number(each.get(name)) for name in names] + [
                "it sent with write" if case.row == "epoll_echo" else ""]
        yield [case.row, "here", sample(case, scaled("throughput.messages", seconds)).text()] + [
            sample(case, per_message(name)).text() for name in names] + [remarks(case)]
