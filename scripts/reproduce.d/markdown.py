"""How are cases written as Markdown? What all tables share: cells, remarks, the machine."""
from collections import Counter

from samples import Sample, method, number

# Doubts that trace-run has about a run, by kind, in a few words. Those not named here are shown by
# their kind.
DOUBTS = {
    "load_saturated": "the load was itself the limit",
    "both_saturated": "load and server were both at their limit",
    "messages_disagree": "the kernel's count of messages differs by over 0.1 %",
    "unfair": "unfair",
    "stalled": "answers stalled",
    "late_sends": "the load fell behind its plan",
    "lost_events": "EVENTS LOST",
    "broken_connections": "connections broke",
    "connect_failures": "connections failed",
    "server_ended": "the server ended by itself",
    "interrupted": "interrupted",
    "probes_costly": "probes took over 20 % of the CPU time",
    "times_do_not_add_up": "times do not add up",
}


def get(report, path):
    """The value at "cpu.user_ns"; None where there is none, or where it was not measured."""
    for key in path.split("."):
        if not isinstance(report, dict):
            return None
        report = report.get(key)
    return report


def sample(case, figure):
    """Of a path, or of what a function finds in a report."""
    find = figure if callable(figure) else lambda report: get(report, figure)
    return Sample.of(find(report) for report in case.reports)


def per_message(call):
    """Of a system call by name: 0 where it was never called, as far as there were messages."""
    def find(report):
        costs = report.get("per_message")
        return None if costs is None else costs.get(call, 0)
    return find


def scaled(path, seconds, unit=1):
    """A sum over the window, as it would be over so many seconds."""
    def find(report):
        value = get(report, path)
        return None if value is None else value / unit * seconds / (report["window_ns"] / 1e9)
    return find


def kernel_share(report):
    user, system = get(report, "cpu.user_ns"), get(report, "cpu.system_ns")
    return system / (user + system) if user is not None and user + system > 0 else None


def lost(report):
    return sum(report["lost"].values())


def span(values, write=lambda value: f"{value:,.0f}"):
    """The least and the largest of the runs, in one cell."""
    values = [value for value in values if value is not None]
    if not values:
        return "–"
    least, most = write(min(values)), write(max(values))
    return least if least == most else f"{least}–{most}"


def counted(kind, report):
    """The doubt in words, with its number where it has one."""
    number_of = {"broken_connections": "load.broken_connections",
                 "connect_failures": "load.connect_failures"}.get(kind)
    words = DOUBTS.get(kind, kind.replace("_", " "))
    if kind == "lost_events":
        return f"{lost(report):,.0f} {words}"
    return f"{get(report, number_of):,} {words}" if number_of else words


def remarks(case):
    return "; ".join(remark_list(case))


def remark_list(case, without=()):
    """What a reader must know of a row: what cut it short, runs that failed, and doubts."""
    made = len(case.runs)
    said = [case.note] if case.note else []
    if case.failures:
        said.append(f"{len(case.failures)} of {made} runs failed: {case.failures[0]}")
    for kind, count in Counter(warning["kind"] for report in case.reports
                               for warning in report["warnings"]).items():
        if kind in without:
            continue
        report = next(report for report in case.reports
                      if any(warning["kind"] == kind for warning in report["warnings"]))
        said.append(counted(kind, report) + (f" (in {count} of {made} runs)"
                                             if count < made else ""))
    silent = [get(report, "load.silent_connections") for report in case.reports]
    if any(silent):
        said.append(f"{span(silent)} of {case.connections:,} connections had no answer in the "
                    "window")
    return [cell(text) for text in said]


def cell(text):
    """Text from elsewhere, so that it stays in its cell."""
    return " ".join(text.split()).replace("|", "\\|")


def table(columns, rows):
    """Columns that begin with "<" are text, the others are figures."""
    yield "| " + " | ".join(column.removeprefix("<") for column in columns) + " |"
    yield "|" + "|".join("---" if column.startswith("<") else "---:" for column in columns) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def not_run(cases):
    """What is not in the tables, and why: never left out silently."""
    impossible = [case for case in cases if case.impossible]
    unmade = [case for case in cases if not case.impossible and not case.runs]
    if impossible or unmade:
        yield ""
        yield "Not run:"
        yield ""
    for case in impossible:
        yield f"- {case.name}: {cell(case.impossible)}"
    if unmade:
        yield "- ended before their turn came: " + ", ".join(case.name for case in unmade)


def machine(cases):
    environment = next((report["environment"] for case in cases for report in case.reports), None)
    if environment is None:
        return "No run gave a report."
    memory = environment["memory_bytes"]
    parts = [f"Linux {environment['kernel']} {environment['architecture']}",
             f"CPUs {environment['cpus']}" + (f" ({environment['cpu_model']})"
                                              if environment["cpu_model"] else "")]
    if memory:
        parts.append(f"{number(memory / 2**30)} GiB")
    if environment["virtualization"]:
        parts.append(f"virtual machine ({environment['virtualization']})")
    parts += [f"trace-run {environment['tool_version']}", environment["date"][:10]]
    return cell(", ".join(parts)) + "."


def head(title, cases, about, notes):
    """What stands before the tables. `about`: how it was run (main.py)."""
    yield f"# {title}"
    yield ""
    yield f"- {machine(cases)}"
    yield (f"- {about['form'].capitalize()} form: {method(about['repeats'])}; in random order, "
           "each run with a fresh server.")
    for note in (about["pins"], about["limit"], *notes):
        if note:
            yield f"- {note}"
    if about["interrupted"]:
        made = sum(len(case.runs) for case in cases)
        planned = about["repeats"] * sum(not case.impossible for case in cases)
        yield f"- **Ended early: {made} of {planned} runs were made.**"
    failed = sum(len(case.failures) for case in cases)
    if failed:
        yield f"- **{failed} runs failed; the remarks say which, and why.**"
    dropped = sum(lost(report) for case in cases for report in case.reports)
    yield ("- The tracer lost no events." if dropped == 0 else
           f"- **The tracer lost {dropped:,.0f} events: the counts of those rows are too low.**")
