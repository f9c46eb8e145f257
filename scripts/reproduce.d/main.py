"""Reads what is to be reproduced, runs it and writes the tables; scripts/reproduce is the way to
start it."""
import argparse
import fnmatch
import json
import math
import os
import shutil
import sys
from pathlib import Path

import rows
import runs
import table_echo
import table_http
import table_scale
import table_taskset

TABLES = {"echo": table_echo, "taskset": table_taskset, "http": table_http, "scale": table_scale}
PUBLISHED = json.loads((Path(__file__).parent / "published.json").read_text())
INTERRUPTED = 130
MOST_CONNECTIONS = 1_000_000


def main():
    settings = parse()
    module = TABLES[settings.table]
    if settings.source:
        made, about = earlier(settings)
    else:
        made, about = choose(settings, module.cases(settings)), about_of(settings)
        if settings.plan:
            print("\n".join(plan(made, settings)))
            return 0
        kept = runs_folder(settings)
        if kept and kept.exists():
            print(f"reproduce: going on with the runs in {kept}; to begin anew, remove it",
                  file=sys.stderr)
        runs.measure(made, settings.repeat, kept)
        about["interrupted"] = runs.unfinished(made, settings.repeat)
    text = "\n".join(module.markdown(made, about, PUBLISHED)) + "\n"
    write(settings, text, made, about)
    if about["interrupted"]:
        print("reproduce: ended early: the table has what was measured by then", file=sys.stderr)
        return INTERRUPTED
    if any(case.failures for case in made):
        return 1
    if not settings.source and kept:
        shutil.rmtree(kept, ignore_errors=True)
    return 0


def runs_folder(settings):
    """Where runs are kept until the table is whole; None: they are not."""
    if settings.output is None or settings.output.suffix == ".md":
        return None
    return settings.output / f"{settings.table}.runs"


def parse():
    parser = argparse.ArgumentParser(
        prog="scripts/reproduce", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=TABLES, help="which table")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", dest="form", action="store_const", const="short", default="short",
                      help="1 to 15 minutes, rough figures (the default); --plan says how many")
    form.add_argument("--long", dest="form", action="store_const", const="long",
                      help="windows as long as the published ones: an hour or more")
    parser.add_argument("--connections", type=counts, metavar="LIST",
                        help="clients at once, as 20,20000; the default is the table's own")
    parser.add_argument("--rows", type=names, metavar="NAMES", default=["*"],
                        help="these rows only: names or patterns, as 'epoll_echo,python/*'")
    parser.add_argument("--repeat", type=at_least(int, 1), metavar="N",
                        help="runs of each row, in turns")
    parser.add_argument("--duration", type=at_least(float, 0.1), metavar="SECONDS",
                        help="of a window; the default is the form's")
    parser.add_argument("--warmup", type=at_least(float, 0), metavar="SECONDS",
                        help="before it, at least; servers with many clients get more")
    parser.add_argument("--pin", metavar="CPUS",
                        help="of the server, or none; the last CPU by default")
    parser.add_argument("--pin-load", metavar="CPUS",
                        help="of the load, or none; the other CPUs by default")
    parser.add_argument("--output", type=Path, metavar="DIR|FILE.md",
                        help="write there, not to standard output: a file, if it ends in .md, or "
                             "TABLE.md and TABLE.json (all runs' figures) in a folder, which keeps "
                             "the runs (TABLE.runs) until the table is whole: given again, it goes "
                             "on where it was ended")
    parser.add_argument("--plan", action="store_true",
                        help="only say what would be run, and how long that takes")
    parser.add_argument("--from", dest="source", type=Path, metavar="JSON",
                        help="run nothing: write the table of an earlier TABLE.json again")
    settings = parser.parse_args()
    own = TABLES[settings.table]
    for name, value in own.FORMS[settings.form].items():
        if getattr(settings, name) is None:
            setattr(settings, name, value)
    settings.connections = settings.connections or own.CONNECTIONS
    for option in ("pin", "pin_load"):
        check_cpus(parser, option, getattr(settings, option))
    if settings.output and not settings.output.parent.is_dir():
        parser.error(f"--output: there is no folder {settings.output.parent}")
    if settings.output and settings.output.suffix != ".md":
        try:
            settings.output.mkdir(exist_ok=True)
        except OSError as error:
            parser.error(f"--output: {error}")
    known = [case.row for case in own.cases(settings)]
    for pattern in settings.rows:
        if not fnmatch.filter(known, pattern):
            parser.error(f"--rows: {pattern} is no row of {settings.table}: there are "
                         + ", ".join(dict.fromkeys(known)))
    return settings


def at_least(kind, least):
    def convert(text):
        value = kind(text)
        if not least <= value < math.inf:
            raise ValueError
        return value
    convert.__name__ = f"number from {least}"
    return convert


def counts(text):
    values = [int(part) for part in text.split(",")]
    if not all(1 <= value <= MOST_CONNECTIONS for value in values):
        raise ValueError
    return sorted(set(values))


counts.__name__ = f"list of numbers from 1 to {MOST_CONNECTIONS:,}"


def names(text):
    return [part for part in text.split(",") if part]


def check_cpus(parser, option, text):
    if text in (None, "none"):
        return
    try:
        wanted = cpu_list(text)
    except ValueError:
        wanted = set()
    if not wanted or not wanted <= set(rows.CPUS):
        usable = ",".join(map(str, rows.CPUS))
        parser.error(f"--{option.replace('_', '-')}: {text} is neither none nor a list of CPUs "
                     f"that can be used here ({usable})")


def cpu_list(text):
    cpus = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if int(last or first) > 1 << 16:
            raise ValueError
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def choose(settings, made):
    return [case for case in made
            if any(fnmatch.fnmatchcase(case.row, pattern) for pattern in settings.rows)]


def about_of(settings):
    """What the table says of how it was made, beyond what its cases know."""
    return {"table": settings.table, "form": settings.form, "repeats": settings.repeat,
            "duration": settings.duration, "pins": rows.pins_sentence(settings),
            "limit": rows.limit_sentence(settings.connections), "interrupted": False}


def plan(made, settings):
    todo = runs.runnable(made)
    minutes = runs.estimate_s(made, settings.repeat) / 60
    yield (f"{settings.table}, {settings.form} form: {len(todo)} rows, {settings.repeat} runs "
           f"each, about {math.ceil(minutes)} min")
    for case in made:
        yield f"  {case.name}: " + (f"not run: {case.impossible}" if case.impossible else
                                    f"{case.duration_s:g} s after {case.warmup_s:g} s" +
                                    (f" ({case.note})" if case.note else ""))
    limit = rows.limit_sentence(settings.connections)
    if limit:
        yield limit


def earlier(settings):
    try:
        kept = json.loads(settings.source.read_text())
        made, about = runs.from_json(kept["cases"]), kept["about"]
        if about["table"] != settings.table:
            raise ValueError(f"it is of the table {about['table']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"reproduce: cannot read {settings.source}: {error}")
    return made, about


def write(settings, text, made, about):
    if settings.output is None:
        print(text, end="")
        return
    target = settings.output
    if target.suffix != ".md":
        kept = {"about": about, "cases": runs.as_json(made)}
        put(target / f"{settings.table}.json", json.dumps(kept, indent=1) + "\n")
        target = target / f"{settings.table}.md"
    put(target, text)


def put(path, text):
    """Under sudo, what lies in the user's folder is the user's."""
    path.write_text(text)
    user = int(os.environ.get("SUDO_UID", 0))
    if os.geteuid() == 0 and user and path.parent.stat().st_uid == user:
        os.chown(path, user, int(os.environ.get("SUDO_GID", user)))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stdout = None
        sys.exit(1)
