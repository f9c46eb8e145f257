"""Does an echo server of ours take more CPU time per message than one on libuv or on libevent?

Nothing is traced here. CPU time is the scheduler's own exact sum for the process, user and system,
from before the clients connect to the end of the load.
"""
import statistics

from process import CPUS, Child
from rounds import difference, not_above
from server_cost import cpu_per_message

OURS = ("epoll_echo", "uring_echo")
PEERS = ("uv_echo", "event_echo")
CONNECTIONS = (1, 50, 200, 1000)
ROUNDS = 4  # of each of those that are asked for: the windows are short


def command(settings, name):
    if name in PEERS:
        return [settings.programs / name]
    return [settings.build / "servers" / name, "--port", 0]


def measure(settings):
    rounds = ROUNDS * settings.rounds
    results = []
    for connections in CONNECTIONS:
        ns = {name: [] for name in OURS + PEERS}
        for number in range(rounds):
            for name, times in ns.items():
                settings.progress(f"{name}, {connections} connections: {number + 1} of {rounds}")
                # A new process each time: how its memory happens to lie is part of the noise.
                with Child(command(settings, name), CPUS[-1:], first=True, answers=True) as server:
                    port = server.port()
                    times.append(cpu_per_message(server, port, settings, connections,
                                                 f"{round(1000 * settings.seconds)}ms"))
        better = min(PEERS, key=lambda name: min(ns[name]))
        results.append({
            "connections": connections, "better_peer": better,
            "least_ns": {name: min(times) for name, times in ns.items()},
            "median_ns": {name: statistics.median(times) for name, times in ns.items()},
            "above_better_peer_ns": {name: difference(ns[name], ns[better]) for name in OURS}})
    return {"rounds": rounds, "cpu_ns_per_message": results}


def markdown(result, settings):
    yield "## CPU time of echo servers per 64-byte message, untraced"
    yield (f"Least / median of {result['rounds']} interleaved windows of {settings.seconds:g} s, "
           f"closed loop; each server on CPU {CPUS[-1]}, the load on the others, all at nice -20.")
    yield ""
    names = OURS + PEERS
    yield f"| connections | {' | '.join(names)} |"
    yield f"|---:|{'---:|' * len(names)}"
    for row in result["cpu_ns_per_message"]:
        cells = (f"{row['least_ns'][name]:,.0f} / {row['median_ns'][name]:,.0f} ns"
                 for name in names)
        yield f"| {row['connections']} | {' | '.join(cells)} |"
    yield ""
    yield "Not above the better peer? (median difference per round, its 95 % interval)"
    for row in result["cpu_ns_per_message"]:
        for name, above in row["above_better_peer_ns"].items():
            yield (f"- {row['connections']} connections, {name} - {row['better_peer']}: "
                   f"{above['median']:+,.0f} ns ({above['low']:+,.0f} to {above['high']:+,.0f}): "
                   f"{not_above(above)}")


def sound(_result):
    return True
