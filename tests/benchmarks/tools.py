"""What is compared: trace-run in each mode, the least a BPF tracer can cost, and its peers."""
import contextlib
import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from process import Child, Failed, last_line, wait_until_attached

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # where libbpf-tools live; not in every PATH


@dataclass
class Tool:
    name: str
    collects: str
    # Each a list of words, in which {pid}, {json} and {data} are replaced.
    commands: list = field(default_factory=list)
    # What each command's output must match, or it has not seen the target.
    evidence: str = ""
    on_switches: bool = False
    is_trace_run: bool = False

    def missing(self):
        """The first program that is not there, or None."""
        for command in self.commands:
            if not find(command[0]):
                return command[0]
        return None

    @contextlib.contextmanager
    def attached(self, target, folder):
        """Watches the target. Yields a dictionary, whose "report" is trace-run's own afterwards."""
        result = {}
        report = Path(folder) / "report.json"
        report.unlink(missing_ok=True)
        with contextlib.ExitStack() as stack:
            children = []
            for command in self.commands:
                words = [word.format(pid=target.pid, json=report, data=Path(folder) / "perf.data")
                         for word in command]
                children.append(stack.enter_context(Child([find(words[0])] + words[1:])))
            for child in children:
                wait_until_attached(child, target)
            yield result
            for child in children:
                code = child.stop()
                output = child.output()
                if self.is_trace_run and code != 0:
                    raise Failed(last_line(output))
                if self.evidence and not re.search(self.evidence, output):
                    raise Failed(f"it did not see the target: {last_line(output)}")
                if self.is_trace_run:
                    result["report"] = json.loads(report.read_text())


def find(program):
    return shutil.which(program) or shutil.which(program, path=SBIN)


def trace_run(build, name, collects, *options):
    return Tool(
        name, collects, on_switches=True, is_trace_run=True,
        commands=[[str(build / "trace-run"), "--pid", "{pid}", "--load", "none", "--warmup", "0s",
                   "--duration", "1h", "--no-db", "--quiet", "--json", "{json}", *options]])


def modes(build):
    """trace-run's, as the other benchmarks measure them too."""
    return [trace_run(build, "trace-run --counts-only", "count by call", "--counts-only"),
            trace_run(build, "trace-run", "counts, latencies, where the time goes, sockets, futex, errors")]


def group_modes(build):
    """trace-run with each group of probes that is asked for, and with all of them."""
    groups = {"--no-budget": "the same, but not where the time goes",
              "--waits": "the same, and waits by single object and waker, with stacks",
              "--locks": "the same, and futexes by lock, kernel locks",
              "--messages": "the same, and the path of each message",
              "--profile": "the same, and stacks: on CPU at 99 Hz, of each wait"}
    return [trace_run(build, f"trace-run {option}", what, option)
            for option, what in groups.items()] + [
        trace_run(build, "trace-run, all on", "all of these", "--waits", "--locks", "--messages",
                  "--profile")]


def peers_at_switches():
    """Those that follow a server's threads as they run, wait and sleep."""
    return [
        Tool("runqlat and offcputime", "run-queue latency, off-CPU time by stack",
             [["runqlat", "-p", "{pid}"], ["offcputime", "-p", "{pid}"]],
             r"usecs +: count|[1-9]\d*\n", on_switches=True),
        Tool("perf sched record", "each switch and wake-up, in a file",
             [["perf", "sched", "record", "-o", "{data}"]], r"Captured and wrote",
             on_switches=True),
        Tool("perf record -g -F 99", "stacks on CPU",
             [["perf", "record", "-g", "-F", "99", "-o", "{data}", "-p", "{pid}"]],
             r"Captured and wrote", on_switches=True)]


def perf_trace():
    return Tool("perf trace -s", "count and latency by call",
                [["perf", "trace", "-s", "-p", "{pid}"]], r"[1-9]\d* events")


def floor(build, name, collects, programs, on_switches=False):
    """Programs that do nothing, see empty_programs.cpp."""
    empty = str(build / "tests/benchmarks/benchmark_empty_programs")
    return Tool(name, collects, [[empty, programs]], on_switches=on_switches)


def all_tools(build):
    count_bt = "tracepoint:raw_syscalls:sys_enter /pid == {pid}/ {{ @n[args->id] = count(); }}"
    latency_bt = (count_bt[:-2] + " @start[tid] = nsecs; }} "
                  "tracepoint:raw_syscalls:sys_exit /@start[tid]/ {{ "
                  "@ns[args->id] = hist(nsecs - @start[tid]); delete(@start[tid]); }}")
    events = "context-switches,cpu-migrations,task-clock"
    return [
        Tool("bare", "nothing"),
        floor(build, "one empty BPF program", "nothing: the floor of counting", "enter"),
        floor(build, "five empty BPF programs", "nothing", "all", on_switches=True),
        floor(build, "the five, each reading the clock",
              "nothing: the floor of timing calls and switches", "clock", on_switches=True),
        *modes(build),
        *group_modes(build),
        trace_run(build, "trace-run --inspect-descriptors", "the same; sockets by descriptor",
                  "--inspect-descriptors"),
        trace_run(build, "trace-run --cross-check", "the same, and perf's software events",
                  "--cross-check"),
        Tool("perf stat -e raw_syscalls:sys_enter", "count of calls",
             [["perf", "stat", "-e", "raw_syscalls:sys_enter", "-p", "{pid}"]],
             r"[1-9][\d,.]* +raw_syscalls:sys_enter"),
        Tool(f"perf stat -e {events}", "3 counts", [["perf", "stat", "-e", events, "-p", "{pid}"]],
             r"[1-9][\d,.]* +context-switches", on_switches=True),
        Tool("syscount -p", "count by call", [["syscount", "-p", "{pid}"]], "getppid"),
        Tool("syscount -L -p", "count and latency by call", [["syscount", "-L", "-p", "{pid}"]],
             "getppid"),
        *peers_at_switches(),
        Tool("bpftrace, count", "count by call", [["bpftrace", "-e", count_bt]], r"@n\[\d+\]: \d"),
        Tool("bpftrace, count and latency", "count and latency histogram by call",
             [["bpftrace", "-e", latency_bt]], r"@n\[\d+\]: \d"),
        perf_trace(),
        Tool("strace -c -f", "count and time by call", [["strace", "-c", "-f", "-p", "{pid}"]],
             "getppid"),
    ]
