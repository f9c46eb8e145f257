"""HTTP servers on one core: requests per second, planned and as fast as they can."""
from dataclasses import replace

from markdown import get, head, not_run, remark_list, sample, table
from rows import connections_for, cut_note, models, pins, python, warmup_for
from runs import Case
from samples import NOTHING, number
from table_echo import milliseconds

TITLE = "HTTP servers: one small page, one core"
CONNECTIONS = [10]
FORMS = {"short": {"duration": 1.5, "warmup": 0.3, "repeat": 3},
         "long": {"duration": 30.0, "warmup": 2.0, "repeat": 3}}
RATE = 10000  # as published
PLANNED, MAXIMUM = "planned", "maximum"
# Doubts that a server slower than the plan always raises: what the table is about.
BEHIND = ("late_sends", "stalled")


def rows():
    yield python("asyncio_http", "asyncio")
    yield python("thread_http", "thread")
    yield python("threadpool_http", "thread pool")
    yield python("processpool_http", "process pool")
    yield python("process_http", "")
    yield anew(python("process_http", "process per request"))
    for row in models("http"):
        yield row
        if row.name in ("thread_http", "fork_http"):
            yield anew(row)


def anew(row):
    """With a connection, and so a thread or process, for each request."""
    return replace(row, name=f"{row.name} --close", options=("--close",))


def cases(settings):
    made = []
    for asked in settings.connections:
        for row in rows():
            connections, why = connections_for(row, asked)
            plain = Case(name=f"{row.name} at {asked:,}", row=row.name, server=list(row.server),
                         asked=asked, connections=connections,
                         note=cut_note(connections, [asked], why), published=row.published,
                         impossible=row.missing(),
                         options=[*pins(settings), *row.options],
                         duration_s=settings.duration,
                         warmup_s=warmup_for(row, connections, settings.warmup))
            made += [replace(plain, name=f"{plain.name}, {MAXIMUM}", setting=MAXIMUM, runs=[]),
                     replace(plain, name=f"{plain.name}, {RATE:,}/s", setting=PLANNED, runs=[],
                             options=[*plain.options, "--rate", str(RATE)])]
    return made


def markdown(made, about, published):
    theirs = published["http"]
    notes = [f"Windows of {about['duration']:g} s; published: {theirs['seconds']} s, "
             f"{theirs['connections']} connections that ask {theirs['rate']:,} times a second.",
             f"Planned: {RATE:,} requests a second are due, whether or not the server keeps up; "
             "its latency counts from the planned time. Maximum: each connection asks again when "
             "answered. With --close each request has a connection of its own."]
    yield from head(TITLE, made, about, notes)
    for asked in sorted({case.asked for case in made}):
        by_row = {}
        for case in made:
            if case.asked == asked and case.runs:
                by_row.setdefault(case.row, {})[case.setting] = case
        yield ""
        yield f"## {asked:,} connections"
        yield ""
        yield from table(
            ["<server", "<published as", "requests/s, published", f"requests/s of {RATE:,} planned",
             "p50 (ms)", "p99 (ms)", "requests/s at most", "p50 (ms)", "p99 (ms)",
             "CPU per request (us)", "<remarks"],
            (line(name, pair, theirs["requests_per_second"] if asked == theirs["connections"]
                  else {}) for name, pair in by_row.items()))
    yield from not_run(made)
    yield ""
    yield f"Published: {published['source']}."


def line(name, pair, theirs):
    cells = []
    for case in (pair.get(PLANNED), pair.get(MAXIMUM)):
        figures = ("throughput.messages_per_second", milliseconds("p50"), milliseconds("p99"))
        cells += [sample(case, figure).text() if case else NOTHING for figure in figures]
    any_case = next(iter(pair.values()))
    maximum = pair.get(MAXIMUM)
    cost = sample(maximum, microseconds).text() if maximum else NOTHING
    # The same for both, mostly: then said once.
    said = {}
    for case in pair.values():
        for remark in remark_list(case, without=BEHIND if case.setting == PLANNED else ()):
            said.setdefault(remark, []).append(case.setting)
    text = "; ".join(remark if len(settings) == len(pair) else f"{settings[0]}: {remark}"
                     for remark, settings in said.items())
    return [name, any_case.published or NOTHING, number(theirs.get(any_case.published)), *cells,
            cost, text]


def microseconds(report):
    value = get(report, "per_message.cpu_ns")
    return None if value is None else value / 1000
