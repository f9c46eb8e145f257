"""What does tracing add to one message, from the client's send to the answer's receipt?"""
import time

from process import CPUS, Child
from tools import Tool, floor, group_modes, modes

SERVERS = ("epoll_echo", "thread_echo")
WINDOWS = 20  # per question


def measure(settings):
    messages = [mode for mode in group_modes(settings.build) if mode.name.endswith("--messages")]
    tools = [Tool("bare", "nothing"),
             floor(settings.build, "two empty BPF programs, each reading the clock",
                   "nothing: the floor of seeing messages come and leave", "messages"),
             *modes(settings.build), *messages]
    least = {name: {tool.name: float("inf") for tool in tools} for name in SERVERS}
    for name in SERVERS:
        for number in range(settings.rounds):
            for tool in tools:
                settings.progress(f"{name}: round {number + 1}: {tool.name}")
                ns = one_round(settings, name, tool)
                least[name][tool.name] = min(least[name][tool.name], ns)
    return {"round_trip_ns": least, "collects": {tool.name: tool.collects for tool in tools}}


def one_round(settings, name, tool):
    """The least ns of a message and its answer; all three of a new server's, a tracer's and a
    client's."""
    with Child([settings.build / "servers" / name, "--port", 0], cpus=CPUS[-1:], first=True,
               answers=True) as server:
        port = server.port()
        with tool.attached(server, settings.folder), \
                Child([settings.programs / "benchmark_target", CPUS[-1], port], first=True,
                      answers=True) as client:
            least, end = float("inf"), time.monotonic() + settings.seconds
            while time.monotonic() < end:
                least = min(least, float(client.ask(f"message {WINDOWS}").split()[0]))
            return least


def markdown(result, settings):
    least = result["round_trip_ns"]
    bare = ", ".join(f"{times['bare']:,.0f} ns of {name}" for name, times in least.items())
    yield "## What tracing adds to one message"
    yield (f"To one message of 64 bytes and its answer, one at a time, client and server on CPU "
           f"{CPUS[-1]} (bare: {bare}): the server's calls, its sleep and its wake-up with it. "
           f"Without a load of trace-run's own: messages are turn-arounds. Least of many short "
           f"windows over {settings.rounds} interleaved rounds, at nice -20.")
    yield ""
    yield f"| tool | collects | {', ns | '.join(least)}, ns |"
    yield f"|---|---|{'---:|' * len(least)}"
    for tool, collects in result["collects"].items():
        if tool != "bare":
            added = (f"{round(times[tool] - times['bare']):,}" for times in least.values())
            yield f"| {tool} | {collects} | {' | '.join(added)} |"


def sound(_result):
    return True
