"""What does one request cost the load generator, beside wrk against the same nginx?

Both are counted alike and from outside: requests by nginx itself (stub_status), CPU time by the
kernel (wait4) over the whole life of the process. Both check answers and keep a histogram of
latencies; a closed loop, one thread.
"""
import re
import socket
import statistics
import time
import urllib.request

from process import CPUS, Child, Failed
from rounds import difference, not_above
from tools import find

CONNECTIONS = (10, 50, 200)
PAGE_BYTES = 612  # of nginx's own first page
SECONDS = 1  # wrk takes no fractions
ROUNDS = 2  # of each of those that are asked for
START_S = 5

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  open_file_cache max=10;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ root {folder}/www; }}
    location = /requests {{ stub_status; }}
  }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def served(port):
    """How many requests nginx has had, this one included."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/requests") as answer:
        # "server accepts handled requests", and below it the three numbers
        return int(re.search(r"^ \d+ \d+ (\d+)", answer.read().decode(), re.M).group(1))


def start_nginx(settings, port):
    folder = settings.folder / "nginx"
    (folder / "www").mkdir(parents=True, exist_ok=True)
    (folder / "www/index.html").write_text("x" * PAGE_BYTES)
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port))
    return Child([find("nginx") or "nginx", "-p", folder, "-c", configuration], CPUS[-1:],
                 first=True)


def wait_for(nginx, port):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and nginx.process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise Failed(f"nginx did not start: {nginx.output().strip()}")


def commands(settings, port, connections):
    page = "/index.html"
    return {
        "trace-run load": [settings.build / "trace-run", "load", f"127.0.0.1:{port}", "--protocol",
                           "http", "--path", page, "--threads", 1, "--connections", connections,
                           "--warmup", "0s", "--duration", f"{SECONDS}s"],
        "wrk": ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s",
                f"http://127.0.0.1:{port}{page}"]}


def cpu_ns_per_request(command, port):
    before = served(port)
    with Child(command, CPUS[:-1] or CPUS, first=True) as load:
        output, seconds = load.cost()
    if "Non-2xx" in output or "Socket errors" in output:  # wrk's words; ours fails by itself
        raise Failed(f"{command[0]}: {output.strip()}")
    return 1e9 * seconds / (served(port) - before - 1)


def measure(settings):
    rounds = ROUNDS * settings.rounds
    port = free_port()
    results = []
    with start_nginx(settings, port) as nginx:
        wait_for(nginx, port)
        for connections in CONNECTIONS:
            ns = {}
            for number in range(rounds):
                for name, command in commands(settings, port, connections).items():
                    settings.progress(f"{name}, {connections} connections: "
                                      f"{number + 1} of {rounds}")
                    ns.setdefault(name, []).append(cpu_ns_per_request(command, port))
            results.append({
                "connections": connections,
                "least_ns": {name: min(times) for name, times in ns.items()},
                "median_ns": {name: statistics.median(times) for name, times in ns.items()},
                "above_wrk_ns": difference(ns["trace-run load"], ns["wrk"])})
    return {"rounds": rounds, "page_bytes": PAGE_BYTES, "cpu_ns_per_request": results}


def markdown(result, _settings):
    yield "## Requests per CPU second of the load generator, beside wrk"
    yield (f"GET of {result['page_bytes']} bytes from the same nginx; most / median of "
           f"{result['rounds']} interleaved windows of {SECONDS} s, closed loop, one thread; nginx "
           f"on CPU {CPUS[-1]}, the load on the others, both at nice -20. Requests as nginx counts "
           "them, CPU time as the kernel does, over the whole life of the load.")
    yield ""
    yield ("| connections | trace-run load | wrk | difference in CPU time per request "
           "(95 % interval) | not above wrk? |")
    yield "|---:|---:|---:|---:|---|"
    for row in result["cpu_ns_per_request"]:
        cells = (f"{1e9 / row['least_ns'][name]:,.0f} / {1e9 / row['median_ns'][name]:,.0f}"
                 for name in ("trace-run load", "wrk"))
        above = row["above_wrk_ns"]
        yield (f"| {row['connections']} | {' | '.join(cells)} | {above['median']:+,.0f} ns "
               f"({above['low']:+,.0f} to {above['high']:+,.0f}) | {not_above(above)} |")


def sound(_result):
    return True
