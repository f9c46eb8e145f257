"""Are the load generator's open-loop latencies right, on a server whose delay is known?

What is the truth? The latency of a message is the time from its planned moment to its answer. Two
who know nothing of the load generator tell it:
- The server (delay_server.cpp) has the kernel's own time stamps of each request's arrival at its
  socket and of the answer's departure to the network device. The plan is known (equal gaps,
  connections in turn) but for its beginning, which no message's arrival minus its gaps can precede:
  the least of these is it, too late by the shortest way to the server, some us. So of each message
  of a run departure minus planned time is known, whatever the machine did to server or client in
  that run; what a client sees is that and the way there and back.
- How long that way is tells the ideal client (ideal_client.cpp), in turn with the load on the same
  server: it never sleeps and asks one socket only, so it reads an answer as soon as any program
  can, and it knows from the kernel when the answer came. What it has above the server's figures of
  its own run is the way through the kernel, twice; what it reads, its own system calls too.
The error of the load is how much more it has above the server's figures of its run than the ideal
client has above those of its own, percentile by percentile.

Server and clients spin. So that the machine's other work does not take turns with them, all run at
real-time priority, in windows short enough for the kernel to allow it.

The load is run on CPUs of its own (--pin), where it polls, and without, where it sleeps: the
difference is what waking up costs on this machine.

And coordinated omission: a server that stalls for S in each period P. Messages are planned all the
time, so a share (S - x) / P of them waits longer than x: the latency of quantile q is
S - (1 - q) * P, its mean S * S / 2P. With enough messages under way per connection (--pipeline)
none waits for another. Beside this the truth as the server's time stamps have it. A closed loop on
the same server sends nothing during the stall and so cannot see it.
"""
import json
import math
import statistics
import struct
import time

from process import CPUS, Child, Failed, set_real_time

DELAY_NS = 100_000
STALL_NS = 100_000_000
PERIOD_NS = 1_000_000_000  # delay_server.cpp's
RATES = (1000, 10_000)
CONNECTIONS = 10
MESSAGE_BYTES = 64
WITHIN_NS = 10_000
WARMUP_S = 0.05
WINDOW_S = 0.3
REST_S = 0.15  # after each: others have their share of the CPUs, else the kernel takes it
ROUNDS = 4  # of each of those that are asked for
STALLED_WARMUP_S, STALLED_S = 1, 4  # whole periods
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
STALL_QUANTILES = {"p99": 0.99, "p999": 0.999}
# The first word of each connection's first message: as in tracer/load/echo.cpp, and in
# ideal_client.cpp.
LOADS_WORDS = [n * 0x9e3779b97f4a7c15 % 2**64 for n in range(CONNECTIONS)]
IDEALS_WORDS = list(range(CONNECTIONS))
POLLS, SLEEPS = "load, polling", "load, sleeping"
IDEAL, READ = "ideal client", "ideal client, as read"


class DelayServer:
    def __init__(self, settings, delay_ns, stall_ns):
        self.records = settings.folder / "records"
        self.child = Child([settings.programs / "benchmark_delay_server", MESSAGE_BYTES, delay_ns,
                            stall_ns], CPUS[-1:], first=True, answers=True)

    def __enter__(self):
        self.port = self.child.port()
        return self

    def __exit__(self, *_):
        self.child.__exit__()

    def take_records(self):
        """Of each message since the last time: (first word, sequence, came, left)."""
        self.child.ask(str(self.records))
        records = list(struct.iter_unpack("=4Q", self.records.read_bytes()))
        stamped = [record for record in records if record[3] != 0]
        if len(stamped) < 0.999 * len(records):
            raise Failed(f"the kernel has time stamped {len(stamped)} of {len(records)} answers")
        return stamped


def quantile(ordered, q):
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]  # as the load's own have it


def load_command(settings, server, *options):
    return [settings.build / "trace-run", "load", f"127.0.0.1:{server.port}", "--connections",
            CONNECTIONS, "--size", MESSAGE_BYTES, "--json", "-", *options]


def window(warmup_s, seconds):
    return ["--warmup", f"{round(1000 * warmup_s)}ms", "--duration", f"{round(1000 * seconds)}ms"]


def planned(rate):
    return ["--rate", rate, "--rate-shape", "fixed"]


def latencies(child):
    """By whose they are."""
    values = json.loads(child.ran())
    if "came" in values:
        return {IDEAL: values["came"], READ: values["read"]}
    return {None: values["latency_ns"]}


def from_stamps(records, rate, words, warmup_s, seconds):
    """The latencies from the planned times of all messages in the window, as the server's stamps
    have them, in order of size; `words`: of the connections' first messages, in turn."""
    number = {word: n for n, word in enumerate(words)}
    gap_ns = 1e9 / rate
    offsets = [(number[word] + CONNECTIONS * sequence) * gap_ns
               for word, sequence, _, _ in records]
    start = min(came - offset for (_, _, came, _), offset in zip(records, offsets))
    opened = start + warmup_s * 1e9
    return sorted(left - start - offset for (_, _, _, left), offset in zip(records, offsets)
                  if opened <= left < opened + seconds * 1e9)


def above_server(settings, server, command, rate):
    """Of one run: how much more each of the client's latencies has than the server's stamps, at
    each quantile."""
    set_real_time(server.child.pid, True)
    with Child(command, CPUS[:-1] or CPUS, real_time=True) as client:
        seen = latencies(client)
    set_real_time(server.child.pid, False)
    time.sleep(REST_S)
    words = IDEALS_WORDS if IDEAL in seen else LOADS_WORDS
    stamped = from_stamps(server.take_records(), rate, words, WARMUP_S, WINDOW_S)
    return {whose: {name: of[name] - quantile(stamped, q) for name, q in QUANTILES.items()}
            for whose, of in seen.items()}


def measure_delay(settings, rate):
    own = ",".join(map(str, CPUS[:-1] or CPUS))
    rounds = ROUNDS * settings.rounds
    above = {POLLS: [], SLEEPS: [], IDEAL: [], READ: []}
    with DelayServer(settings, DELAY_NS, 0) as server:
        commands = {
            POLLS: load_command(settings, server, "--pin", own, *planned(rate),
                                *window(WARMUP_S, WINDOW_S)),
            SLEEPS: load_command(settings, server, *planned(rate), *window(WARMUP_S, WINDOW_S)),
            IDEAL: [settings.programs / "benchmark_ideal_client", server.port, rate, CONNECTIONS,
                    round(rate * WARMUP_S), round(rate * WINDOW_S)]}
        for number in range(rounds):
            for name, command in commands.items():
                settings.progress(f"{rate}/s, {name}: {number + 1} of {rounds}")
                for whose, figures in above_server(settings, server, command,
                                                   rate).items():
                    above[whose or name].append(figures)
    medians = {name: {key: statistics.median(run[key] for run in runs) for key in QUANTILES}
               for name, runs in above.items()}
    return {"rate": rate, "rounds": rounds, "above_server_ns": medians,
            "error_ns": {name: {key: medians[name][key] - medians[IDEAL][key] for key in QUANTILES}
                         for name in (POLLS, SLEEPS)}}


def summary(values):
    values = sorted(values)
    return {"mean": statistics.fmean(values),
            **{name: quantile(values, q) for name, q in STALL_QUANTILES.items()}}


def measure_stall(settings, rate):
    settings.progress(f"{rate}/s, with stalls")
    keys = ("mean", *STALL_QUANTILES)
    results = {"analytic": {"mean": DELAY_NS + STALL_NS**2 / 2 / PERIOD_NS,
                            **{name: STALL_NS - (1 - q) * PERIOD_NS
                               for name, q in STALL_QUANTILES.items()}}}
    with DelayServer(settings, DELAY_NS, STALL_NS) as server:
        set_real_time(server.child.pid, True)
        for name, options in (
                ("open loop", ["--pipeline", 128, *planned(rate)]), ("closed loop", [])):
            command = load_command(settings, server, *options,
                                   *window(STALLED_WARMUP_S, STALLED_S))
            with Child(command, CPUS[:-1] or CPUS, real_time=True) as client:
                seen = latencies(client)[None]
            results[name] = {key: seen[key] for key in keys}
            records = server.take_records()
            if name == "open loop":
                results["time stamps"] = summary(
                    from_stamps(records, rate, LOADS_WORDS, STALLED_WARMUP_S, STALLED_S))
    return {"rate": rate, **results}


def measure(settings):
    return {"delay": [measure_delay(settings, rate) for rate in RATES],
            "stall": [measure_stall(settings, rate) for rate in RATES]}


def markdown(result, _settings):
    yield "## The load generator's open-loop latencies, on a server with a known delay"
    yield (f"Echo after {DELAY_NS / 1e3:g} us, {CONNECTIONS} connections, equal gaps. In us, above "
           "what the kernel's time stamps at the server say of the same run, from the planned moment "
           f"to the answer's departure, at the same percentile: p50 / p90 / p99, the median of {result['delay'][0]['rounds']} windows of "
           f"{WINDOW_S:g} s each. The error is against the ideal client. Server on CPU {CPUS[-1]}, "
           "the clients on the others, all at real-time priority.")
    yield ""
    names = (IDEAL, READ, POLLS, SLEEPS)
    yield f"| per second | {' | '.join(names)} | error, polling | within 10 us? |"
    yield f"|{'---:|' * (len(names) + 2)}---|"

    def cell(values):
        return " / ".join(f"{values[key] / 1e3:.1f}" for key in QUANTILES)

    for row in result["delay"]:
        errors = row["error_ns"][POLLS]
        verdict = ", ".join(f"{key} {'yes' if abs(errors[key]) <= WITHIN_NS else 'NO'}"
                            for key in QUANTILES)
        cells = (cell(row["above_server_ns"][name]) for name in names)
        yield f"| {row['rate']:,} | {' | '.join(cells)} | {cell(errors)} | {verdict} |"
    yield ""
    yield (f"Coordinated omission: the server stalls for {STALL_NS / 1e6:g} ms in each second. "
           f"Latency in ms: mean / p99 / p99.9, over {STALLED_S} s.")
    yield ""
    names = ("analytic", "time stamps", "open loop", "closed loop")
    yield f"| per second | {' | '.join(names)} |"
    yield "|---:|---:|---:|---:|---:|"
    for row in result["stall"]:
        cells = (" / ".join(f"{row[name][key] / 1e6:.2f}" for key in ("mean", *STALL_QUANTILES))
                 for name in names)
        yield f"| {row['rate']:,} | {' | '.join(cells)} |"


def sound(_result):
    return True
