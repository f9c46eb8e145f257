"""Measures what trace-run and its parts cost, beside peers; scripts/benchmark starts it."""
import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import call_cost
import compare_cost
import echo_cost
import explain_truth
import load_cost
import load_truth
import memory
import message_cost
import refusals
import same_truth
import server_cost
import startup
from planted import ACTS, PAIRS
from process import CPUS, Failed

PARTS = {"syscall": call_cost, "switch": call_cost, "startup": startup, "memory": memory,
         "message": message_cost, "server": server_cost, "echo": echo_cost, "load": load_cost,
         "truth": load_truth, "compare": compare_cost}
# Half an hour and more: only when asked for.
LONG_PARTS = {"explain": explain_truth, "same": same_truth, "refusals": refusals}
TRACEFS = "/sys/kernel/tracing"


def parse():
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__.split(";")[0])
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, metavar="N", help="interleaved rounds (default: 5)")
    parser.add_argument("--quick", action="store_true",
                        help="2 short rounds: shows that all works; the figures are rough")
    parser.add_argument("--only", choices=[*PARTS, *LONG_PARTS], action="append",
                        help="one part; may be given more than once")
    parser.add_argument("--campaigns", type=int, metavar="N",
                        help="of explain and same: so many per act (default: 20)")
    parser.add_argument("--act", choices=[act.name for act in ACTS], action="append",
                        help="of explain: only what is planted so; may be given more than once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    settings = parser.parse_args()
    if settings.rounds is not None and settings.rounds < 1:
        parser.error("--rounds: at least 1")
    if settings.campaigns is not None and settings.campaigns < 1:
        parser.error("--campaigns: at least 1")
    settings.campaigns = settings.campaigns or (2 if settings.quick else 20)
    settings.acts = [act for act in ACTS if not settings.act or act.name in settings.act]
    settings.pairs = 3 if settings.quick else PAIRS
    settings.rounds = settings.rounds or (2 if settings.quick else 5)
    settings.seconds = 0.2 if settings.quick else 0.5
    settings.only = settings.only or list(PARTS)
    settings.programs = settings.build / "tests/benchmarks"
    return settings


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def mount_tracefs():
    """For peers; trace-run needs none. The script has given us a mount namespace of our own. Where
    it cannot be mounted, those that need it are reported as not measured."""
    if os.path.isdir(TRACEFS) and not os.listdir(TRACEFS):
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACEFS], check=False)


def main():
    settings = parse()
    settings.progress = progress
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    mount_tracefs()
    results, sound = {}, True
    print(f"# What trace-run costs: Linux {platform.release()}, {platform.machine()}, "
          f"{len(CPUS)} CPUs")
    with tempfile.TemporaryDirectory() as folder:
        settings.folder = Path(folder)
        settings.folder.chmod(0o711)  # through sudo, servers are the invoking user's and write here
        for part in dict.fromkeys({**PARTS, **LONG_PARTS}[name] for name in settings.only):
            try:
                result = part.measure(settings)
            except Failed as failure:
                result = {"failed": str(failure)}
                lines = [f"## {part.__name__}: not measured: {failure}"]
                sound = False
            else:
                lines = part.markdown(result, settings)
                sound = sound and part.sound(result)
            progress("")
            print("\n" + "\n".join(lines), flush=True)
            results[part.__name__] = result
    if settings.json:
        settings.json.write_text(json.dumps(
            {"kernel": platform.release(), "cpus": len(CPUS), "rounds": settings.rounds, **results},
            indent=2) + "\n")
    return 0 if sound else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
