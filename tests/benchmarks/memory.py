"""How much memory does trace-run take for 10,000 threads, its own and the kernel's?"""
import json
import re
import time

from process import Child, Failed, descriptors, last_line, status_field

CONNECTIONS = 10_000
DETAILED_EVERY_S = 0.2


def kernel_bytes(pid):
    """What its BPF maps and programs take (fdinfo's memlock, each object once)."""
    objects = {}
    for fd, name in descriptors(pid).items():
        if "bpf-map" in name or "bpf-prog" in name:
            with open(f"/proc/{pid}/fdinfo/{fd}") as file:
                info = dict(line.split(":", 1) for line in file if ":" in line)
            number = info.get("map_id") or info["prog_id"]
            objects[name, number.strip()] = int(info["memlock"])
    return sum(objects.values())


def mapped_bytes(pid):
    """The part of its resident set that is pages of BPF maps."""
    total = 0
    ours = False
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                ours = "bpf-map" in line or "bpf_map" in line
            elif ours and line.startswith("Rss:"):
                total += 1024 * int(line.split()[1])
    return total


def watch(child):
    """The greatest values of each while it runs."""
    most = {"resident": 0, "mapped": 0, "kernel": 0}
    detailed = 0.0
    while child.process.poll() is None:
        try:
            most["resident"] = max(most["resident"], 1024 * status_field(child.pid, "VmHWM"))
            if time.monotonic() > detailed:
                most["mapped"] = max(most["mapped"], mapped_bytes(child.pid))
                most["kernel"] = max(most["kernel"], kernel_bytes(child.pid))
                detailed = time.monotonic() + DETAILED_EVERY_S
        except (AttributeError, FileNotFoundError, ProcessLookupError):
            pass  # it ends: its memory, or all of it, is gone
        time.sleep(0.005)
    return most


def measure(settings):
    settings.progress(f"memory for {CONNECTIONS:,} threads")
    report = settings.folder / "report.json"
    command = [settings.build / "trace-run", "--connections", CONNECTIONS, "--duration", "2s",
               "--no-db", "--quiet", "--json", report, settings.build / "servers/thread_echo"]
    with Child(command) as child:
        most = watch(child)
        if child.process.wait() != 0:
            raise Failed(last_line(child.output()))
    run = json.loads(report.read_text())
    return {"threads": len(run["threads"]) + run["folded_threads"],
            "lost": {reason: count for reason, count in run["lost"].items() if count},
            "resident_bytes": most["resident"], "mapped_bytes": most["mapped"],
            "kernel_bytes": most["kernel"],
            "total_bytes": most["resident"] - most["mapped"] + most["kernel"]}


def markdown(result, _settings):
    def mib(key):
        return f"{result[key] / 2**20:.1f} MiB"

    lost = result["lost"] or "nothing"
    yield f"## Memory for {CONNECTIONS:,} connections of thread_echo"
    yield (f"{mib('total_bytes')} = {mib('resident_bytes')} resident (VmHWM) "
           f"- {mib('mapped_bytes')} of them pages of BPF maps (smaps) "
           f"+ {mib('kernel_bytes')} of BPF maps and programs (memlock in fdinfo). "
           "Each thread's task storage, some hundred bytes, is the kernel's own and not in these.")
    yield ""
    yield f"Threads counted: {result['threads']:,} (expected {CONNECTIONS + 1:,}); lost: {lost}"


def sound(result):
    return result["threads"] == CONNECTIONS + 1 and not result["lost"]
