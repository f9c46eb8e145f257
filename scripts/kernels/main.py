"""Boots kernels, has guest.py run there, judges what came of it, and tells."""
import argparse
import concurrent.futures
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import features
import judge
import table

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build/dev"
OUT = ROOT / "build/kernels"
DOCUMENT = ROOT / "docs/kernels.md"
# Long-term kernels, those between where the kernel's insides changed, and what comes next.
KERNELS = ("5.10", "6.1", "6.12", "6.16", "6.18", "7.2", "7.3", "newest")
SHORT_KERNELS = ("6.1", "newest")
# Which kernel tests --short runs: the known answers of calls, which no emulation changes.
SHORT_TESTS = r"^kernel\.syscalls\."
ALL_TESTS = "."


def parse(words=None):
    parser = argparse.ArgumentParser(prog="kernel-matrix", add_help=False)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--no-tests", action="store_true")
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("kernels", nargs="*")
    settings = parser.parse_args(words)
    for name in settings.kernels:
        if name != "newest" and not re.fullmatch(r"\d+(\.[\w.+~-]+)?", name):
            parser.error(f"no kernel: {name}")
    if settings.short and settings.write:
        parser.error("--write wants all features: not with --short")
    if settings.jobs < 0:
        parser.error("--jobs wants a number above 0")
    settings.jobs = settings.jobs or (2 if settings.short else 1)
    settings.kernels = settings.kernels or list(SHORT_KERNELS if settings.short else KERNELS)
    return settings


def say(*words):
    print("kernel-matrix:", *words, file=sys.stderr, flush=True)


class Unavailable(Exception):
    """A kernel that cannot be had here and now."""


def fetch(name):
    """The folder of a kernel; cached, or from the machine's own mirror."""
    got = subprocess.run([HERE / "get-kernel", name], stdin=subprocess.DEVNULL, text=True,
                         capture_output=True, check=False)
    if got.returncode != 0:
        raise Unavailable((got.stderr.strip().splitlines() or ["get-kernel failed"])[-1])
    return Path(got.stdout.strip())


def source():
    """The commit whose build is tried."""
    described = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                               text=True, capture_output=True, check=False)
    return described.stdout.strip() or "not a git clone"


def guest_command(folder, out, settings):
    which, tests = ("short", SHORT_TESTS) if settings.short else ("all", ALL_TESTS)
    limit = "10m" if settings.short else "150m"  # for a guest that hangs
    return ["setpriv", "--pdeathsig", "TERM", HERE / "run-in-kernel", "--timeout", limit, "--share", out,
            "--console", out / "console", folder, "--", "/usr/bin/python3", "-B",
            HERE / "guest.py", BUILD, out, which, "" if settings.no_tests else tests]


def run(folder, settings):
    """Boots one kernel, and judges what came of it."""
    out = OUT / ("short" if settings.short else "full") / folder.name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    ended = subprocess.run([str(word) for word in guest_command(folder, out, settings)], cwd=ROOT,
                           stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           errors="replace", check=False)
    (out / "guest.txt").write_text(ended.stdout)
    (out / "guest.err").write_text(ended.stderr)
    if ended.returncode in (2, 3):
        raise Unavailable(ended.stderr.strip())
    chosen = [which for which in features.FEATURES if which.short or not settings.short]
    result = judge.kernel(out, chosen, ended.returncode, ended.stderr, not settings.no_tests)
    result["release"] = result["release"] or folder.name
    result["date"] = datetime.date.today().isoformat()
    result["source"] = source()
    (out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def tell(result):
    """One kernel's lines: what works in a line, the rest by name."""
    words = [word for word, _ in result["features"].values()]
    lines = [f"Linux {result['release']}: {'passed' if judge.passed(result) else 'FAILED'}: "
             f"{words.count(judge.WORKS)} of {len(words)} features work; "
             f"kernel tests: {table.tests_of(result)}"]
    others = {}
    for name, (word, reason) in result["features"].items():
        if word != judge.WORKS:
            others.setdefault(f"{word}: {reason}", []).append(name)
    lines += [f"  {why}: {'all' if len(names) == len(words) else ', '.join(names)}"
              for why, names in others.items()]
    lines += [f"  test failed: {name}" for name in (result["tests"] or {}).get("failed", [])]
    lines += [f"  {' '.join(problem.split())}" for problem in result["problems"]]
    print("\n".join(lines), flush=True)


def stored():
    """The last full result of each kernel, this run's and earlier ones'."""
    newest = {}
    for path in sorted((OUT / "full").glob("*/result.json"), key=lambda p: p.stat().st_mtime):
        result = json.loads(path.read_text())
        newest[judge.version_of(result["release"])] = result
    return list(newest.values())


def main():
    settings = parse()
    if settings.check:
        return 0
    # At once: the guests' threads would be waited for. The guests end with this process.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    folders, missing = {}, []
    for name in settings.kernels:
        try:
            folders[fetch(name)] = name  # "newest" may be one that is listed
        except Unavailable as why:
            missing.append(name)
            print(f"kernels: {'skipped' if settings.short else 'not tried'}: {name}: {why}",
                  flush=True)
    failed = bool(missing) and not settings.short
    with concurrent.futures.ThreadPoolExecutor(settings.jobs) as pool:
        for under_way in [pool.submit(run, folder, settings) for folder in folders]:
            try:
                result = under_way.result()
            except Unavailable as why:
                print(f"kernels: {'skipped' if settings.short else 'not tried'}: {why}", flush=True)
                failed = failed or not settings.short
                continue
            tell(result)
            failed = failed or not judge.passed(result)
    if settings.write:
        table.write(DOCUMENT, stored())
        say(f"wrote {DOCUMENT.relative_to(ROOT)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
