"""Is a measurement refused that says nothing of the server, or nothing that can be explained?

- A load generator that is slow on purpose: it shares its CPU with programs that only spin, at the
  same priority, and so is the limit itself. Nothing may be explained.
- A server that is unfair on purpose: every second client has each answer held back. The difference
  to the plain server must not be told without that being said.
Both beside the plain server, as a user would have them explained.
"""
import contextlib
import sys

from planted import ONE_CPU, PLAIN, STAGE_NS
from process import CPUS, Child

SPINNERS = 4
HELD_BACK_MS = 30
PAIRS = 2
# A refusal, or a warning that names what is wrong.
WORDS = {"slow load": ("load saturated", "foreign work"), "unfair server": ("is unfair",)}


def ask(settings, program_a, program_b, first):
    """What explain says, and its exit code."""
    with Child([settings.build / "trace-run", "explain", *ONE_CPU.options(),
                "--pairs", PAIRS, "--experiments", 0, "--", *program_a, "--vs", *program_b],
               first=first) as child:
        code = child.process.wait()
        # Without the servers' own lines.
        said = [line for line in child.output().splitlines() if "listening on" not in line]
        return {"exit_code": code, "said": "\n".join(said)}


def slow_load(settings, plain):
    with contextlib.ExitStack() as stack:
        for _ in range(SPINNERS):
            stack.enter_context(Child([sys.executable, "-c", "while True: pass"], CPUS[:1]))
        return ask(settings, plain, [*plain[:-1], "spin", "--size", 1000], first=False)


def unfair_server(settings, plain):
    return ask(settings, plain, [*plain, "--hold-back", HELD_BACK_MS], first=True)


def measure(settings):
    plain = [settings.programs / "epoll_planted", "--stage", STAGE_NS, "--act", PLAIN]
    cases = {"slow load": slow_load, "unfair server": unfair_server}
    result = {}
    for name, make in cases.items():
        settings.progress(name)
        result[name] = make(settings, plain)
        said = result[name]["said"].lower()
        result[name]["named"] = any(word in said for word in WORDS[name])
        result[name]["refused"] = result[name]["exit_code"] != 0
    return result


def markdown(result, _settings):
    yield "## What is refused"
    for name, case in result.items():
        outcome = "refused" if case["refused"] else "not refused"
        yield ""
        yield (f"{name}: {outcome} (exit code {case['exit_code']}), what is wrong is "
               f"{'named' if case['named'] else 'NOT named'}:")
        yield ""
        yield "```"
        yield from case["said"].rstrip().splitlines()
        yield "```"


def sound(result):
    return all(case["named"] for case in result.values()) and result["slow load"]["refused"]
