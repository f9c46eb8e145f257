"""Runs inside the guest: each feature once, then the kernel tests. Judges nothing: what came of each
lies in the folder OUT, where judge.py reads it on the host.

usage: guest.py BUILD OUT short|all TESTS

TESTS is a regular expression of ctest's names; without one no test runs."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import features
import judge

# Emulation is slow, and a hanging run must not take the others with it.
FEATURE_SECONDS = 300


def run(command, output, seconds):
    """Its exit status; None after so many seconds."""
    with open(f"{output}.txt", "wb") as said, open(f"{output}.err", "wb") as errors:
        try:
            return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=errors,
                                  timeout=seconds, check=False).returncode
        except subprocess.TimeoutExpired:
            return None


def main():
    build, out, which, tests = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    outcome = {"kernel": os.uname().release, "features": {}, "tests": None}

    def keep():
        # The guest may end at any moment.
        fresh = out / "outcome.fresh"
        fresh.write_text(json.dumps(outcome))
        fresh.rename(out / "outcome.json")

    trace_run = str(build / "trace-run")
    known = str(build / "tests/end_to_end")
    # In full it loads each group of programs by itself.
    doctor = ["doctor", "--quick"] if which == "short" else ["doctor"]
    outcome["doctor"] = run([trace_run, *doctor], out / "doctor", FEATURE_SECONDS)
    keep()
    for feature in features.FEATURES:
        if which == "short" and not feature.short:
            continue
        began = time.monotonic()
        arguments = [word.format(known=known) for word in feature.arguments]
        status = run([trace_run, "--no-db", "--json", str(out / f"{feature.file}.json"), *arguments],
                     out / feature.file, FEATURE_SECONDS)
        outcome["features"][feature.name] = {
            "status": status, "seconds": round(time.monotonic() - began, 1)}
        keep()
    if tests and judge.version_of(outcome["kernel"]) >= features.OLDEST:
        began = time.monotonic()
        status = run(["ctest", "--test-dir", str(build), "-L", "^kernel$", "-R", tests,
                      "--no-tests=error", "--output-on-failure",
                      # What times something may fail for the emulation's pauses; named if so.
                      "--repeat", "until-pass:3",
                      "--output-junit", str(out / "tests.xml")], out / "tests", None)
        outcome["tests"] = {"status": status, "seconds": round(time.monotonic() - began, 1)}
        keep()


if __name__ == "__main__":
    main()
