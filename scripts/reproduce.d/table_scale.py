"""How far does each model go? From ten connections to as many as this machine can open, and storms
of short-lived tasks."""
from markdown import get, head, lost, not_run, remarks, sample, span, table
from rows import connections_for, cut_note, models, pins, warmup_for
from runs import Case
from samples import number, size
from table_echo import milliseconds

TITLE = "Scale: every connection served, nothing lost"
CONNECTIONS = [10, 100, 1000, 10000, 19000]
FORMS = {"short": {"duration": 1.0, "warmup": 0.5, "repeat": 1},
         "long": {"duration": 10.0, "warmup": 2.0, "repeat": 3}}
SWEEP, STORM = "sweep", "storm"
# Of clients that are served in a window, so that each has its turn in it.
SERVED_PER_SECOND = 4000
# Of a thread or process per client: one that was charged a slice too much, by an interrupt or by the
# hypervisor, has it taken off its turns until all others have had as much (EEVDF: it is not eligible).
CROWD_SLICE_S = 0.006
FEW = 100  # connections, below which what each takes is lost in what a process takes anyway
STORM_RATE = 10000
STORM_CONNECTIONS = 200
STORM_ROWS = ("thread_echo", "fork_echo")
MOST_FORKS = 10000


def cases(settings):
    made = []
    for row in models("echo"):
        asked_of, why = {}, ""
        for asked in settings.connections:
            connections, cut = connections_for(row, asked)
            if row.name == "fork_echo" and connections > MOST_FORKS:
                connections, cut = MOST_FORKS, "so many processes are enough"
            asked_of.setdefault(connections, []).append(asked)
            why = cut or why
        for connections, asked in asked_of.items():
            more = [count for count in asked if count > connections]
            made.append(Case(
                name=f"{row.name} at {connections:,}", row=row.name, server=list(row.server),
                setting=SWEEP, asked=asked[0], connections=connections,
                note=cut_note(connections, more, why), options=pins(settings),
                duration_s=window_for(row, connections, settings.duration),
                warmup_s=warmup_for(row, connections, settings.warmup)))
        if row.name in STORM_ROWS:
            made.append(Case(
                name=f"{row.name}, storm", row=row.name, server=list(row.server), setting=STORM,
                asked=STORM_CONNECTIONS, connections=STORM_CONNECTIONS,
                options=["--close", "--rate", str(STORM_RATE)],
                duration_s=max(settings.duration, 5.0), warmup_s=settings.warmup))
    return made


def window_for(row, connections, shortest_s):
    """Long enough for every client to have its turn."""
    crowd_s = connections * CROWD_SLICE_S if row.name in STORM_ROWS else 0
    return max(shortest_s, connections / SERVED_PER_SECOND, crowd_s)


def markdown(made, about, _published):
    notes = ["Silent connections had no answer in the window: 0 where every connection was served. "
             "Jain's index is 1 where all were served alike. Lost: events that the tracer could "
             "not count.",
             "Memory per connection: by how much the server grew from before the load to the "
             "window's end, with all connections open, in pages that no file backs and in page "
             "tables; without socket buffers and the stack that the kernel keeps per thread. Below "
             f"{FEW} connections it is not told: the size of what programs share moves by more.",
             "The tracer's memory is its own peak, the load not included."]
    yield from head(TITLE, made, about, notes)
    sweep = [case for case in made if case.setting == SWEEP and case.runs]
    if sweep:
        yield ""
        yield "## Connections"
        yield ""
        yield from table(
            ["<server", "connections", "silent", "broken", "Jain", "messages/s", "p50 (ms)",
             "p99 (ms)", "lost", "threads", "processes", "memory per connection",
             "the tracer's memory", "<remarks"], map(sweep_line, sweep))
    storm = [case for case in made if case.setting == STORM and case.runs]
    if storm:
        yield ""
        yield f"## Storm: {STORM_RATE:,} connections a second, one message each"
        yield ""
        yield ("Neither server nor load is pinned. Each connection is a thread or process of its "
               "own, so accepts, clones and messages must be as many; what is under way at the window's "
               "edges is in one and not in the other. Kernel: bytes that the kernel saw, as "
               "messages, against the load's count.")
        yield ""
        yield from table(
            ["<server", "connections/s", "accepts", "clones", "messages", "messages, kernel",
             "lost", "failed", "p50 (ms)", "p99 (ms)", "the tracer's memory", "<remarks"],
            map(storm_line, storm))
    yield from not_run(made)


def sweep_line(case):
    reports = case.reports
    return [case.row, f"{case.connections:,}",
            span(get(report, "load.silent_connections") for report in reports),
            span(get(report, "load.broken_connections") for report in reports),
            span((get(report, "fairness.jain") for report in reports), "{:.3f}".format),
            sample(case, "throughput.messages_per_second").text(),
            number(sample(case, milliseconds("p50")).mean),
            number(sample(case, milliseconds("p99")).mean),
            span(lost(report) for report in reports),
            span(get(report, "memory.at_close.threads") for report in reports),
            span(get(report, "memory.at_close.processes") for report in reports),
            size(sample(case, "memory.per_connection_bytes").mean
                 if case.connections >= FEW else None),
            size(sample(case, tracers_memory).mean), remarks(case)]


def tracers_memory(report):
    """Earlier tables have it under another name."""
    peak = get(report, "overhead.tracer_peak_bytes")
    return get(report, "tracer.peak_bytes") if peak is None else peak


def called(report, *names):
    return sum(get(report, f"syscalls.{name}.calls") or 0 for name in names)


def accepted(report):
    """Those that succeeded; one without results is counted whole."""
    return sum((get(report, f"syscalls.{name}.calls") or 0) -
               (get(report, f"syscalls.{name}.errors") or 0) for name in ("accept", "accept4"))


def storm_line(case):
    reports = case.reports
    return [case.row, sample(case, "throughput.messages_per_second").text(),
            span(accepted(report) for report in reports),
            span(called(report, "clone", "clone3", "fork", "vfork") for report in reports),
            span(get(report, "throughput.messages_load") for report in reports),
            span(get(report, "throughput.messages_kernel") for report in reports),
            span(lost(report) for report in reports),
            span((get(report, "load.connect_failures") or 0) +
                 (get(report, "load.broken_connections") or 0) for report in reports),
            number(sample(case, milliseconds("p50")).mean),
            number(sample(case, milliseconds("p99")).mean),
            size(sample(case, tracers_memory).mean), remarks(case)]
