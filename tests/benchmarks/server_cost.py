"""What does tracing add to the CPU time that a whole server spends on one message?"""
import json
import time

from process import CPUS, Child
from tools import Tool, group_modes, modes, peers_at_switches, perf_trace

SERVERS = ("epoll_echo", "thread_echo")
CONNECTIONS = 200
WINDOWS = 2  # per round


def cpu_ns(pid):
    """Of all threads, ended ones too. The clock of another process: clock_getcpuclockid(3), whose
    number is made as in the kernel's include/linux/posix-timers_types.h."""
    cpuclock_sched = 2
    return time.clock_gettime_ns((~pid << 3) | cpuclock_sched)


def cpu_per_message(server, port, settings, connections=CONNECTIONS, duration="1s"):
    """Over so much load: from before the clients connect, alike for all that are compared."""
    report = settings.folder / "load.json"
    before = cpu_ns(server.pid)
    with Child([settings.build / "trace-run", "load", f"127.0.0.1:{port}", "--connections",
                connections, "--warmup", "0s", "--duration", duration, "--json", report],
               cpus=CPUS[:-1] or CPUS, first=True) as load:
        load.ran()
    spent = cpu_ns(server.pid) - before
    return spent / json.loads(report.read_text())["throughput"]["messages"]


def measure(settings):
    tools = [Tool("bare", "nothing"), *modes(settings.build), *group_modes(settings.build),
             *peers_at_switches(), perf_trace()]
    missing = {tool.name: f"{tool.missing()} is not installed" for tool in tools if tool.missing()}
    tools = [tool for tool in tools if tool.name not in missing]
    least = {name: {tool.name: float("inf") for tool in tools} for name in SERVERS}
    for name in SERVERS:
        # One process for all modes: its memory lies alike.
        with Child([settings.build / "servers" / name, "--port", 0], cpus=CPUS[-1:], first=True,
                   answers=True) as server:
            port = server.port()
            for number in range(settings.rounds):
                for tool in tools:
                    settings.progress(f"{name}: round {number + 1}: {tool.name}")
                    with tool.attached(server, settings.folder):
                        for _ in range(WINDOWS):
                            ns = cpu_per_message(server, port, settings)
                            least[name][tool.name] = min(least[name][tool.name], ns)
    return {"cpu_ns_per_message": least, "not_measured": missing}


def cell(times, tool):
    bare, ns = times["bare"], times[tool]
    return f"{ns:,.0f} ns" + ("" if tool == "bare" else f" ({100 * (ns / bare - 1):+.0f} %)")


def markdown(result, settings):
    yield f"## CPU time of a server per 64-byte message, {CONNECTIONS} connections"
    yield (f"Least of {WINDOWS * settings.rounds} windows of 1 s; server on CPU {CPUS[-1]}, the "
           "load on the others, both at nice -20; from before the clients connect.")
    yield ""
    least = result["cpu_ns_per_message"]
    yield f"| | {' | '.join(least)} |"
    yield f"|---|{'---:|' * len(least)}"
    for tool in least[SERVERS[0]]:
        yield f"| {tool} | {' | '.join(cell(times, tool) for times in least.values())} |"
    yield ""
    for name, reason in result["not_measured"].items():
        yield f"- {name}: not measured: {reason}"


def sound(_result):
    return True
