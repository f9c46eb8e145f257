"""Programs that the benchmarks start: each ends with its `with` block, whatever ends that."""
import ctypes
import os
import re
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LIBC = ctypes.CDLL(None)
CPUS = sorted(os.sched_getaffinity(0))
SETTLED_S = 0.3  # nothing newly attached for so long: the tool has attached all it wants
ATTACH_S = 60
END_S = 30


def go_ahead():
    """Of a child before it runs: ahead of whatever else this machine is busy with. Where the kernel
    groups programs by session (sched(7), autogroup), a process's own nice value counts only among
    its session's; so it gets a session, whose nice value is set as well. Not every kernel has
    that."""
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    os.setsid()
    try:
        with open("/proc/self/autogroup", "w") as group:
            group.write("-20")
    except OSError:
        pass


class Failed(Exception):
    """A program did not do what it was started for."""


class Child:
    """A running program. `output` gathers what it prints; with answers=True it is a pipe, read by
    ask() and line(), and standard error is not gathered."""

    def __init__(self, argv, cpus=None, first=False, answers=False, real_time=False):
        """cpus: where it may run. first: ahead of whatever else this machine is busy with.
        real_time: see there."""

        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            # A shell's background jobs ignore it, and so would what they start.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            if cpus:
                os.sched_setaffinity(0, cpus)
            if first:
                go_ahead()
            if real_time:
                set_real_time(0, True)

        self.argv = [str(word) for word in argv]
        self.file = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            self.argv, preexec_fn=prepare, text=True,
            stdin=subprocess.PIPE if answers else subprocess.DEVNULL,
            stdout=subprocess.PIPE if answers else self.file,
            stderr=subprocess.DEVNULL if answers else self.file)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.file.close()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.argv[0]} ended too soon")
        return line

    def port(self):
        """Of a server that has just begun to listen, and says so."""
        return self.line().rsplit(":", 1)[1].strip()

    def ask(self, question):
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self.line()

    def stop(self):
        """Ends it as Ctrl-C does, so that it prints what it has found."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"{self.argv[0]} had to be killed") from None

    def output(self):
        self.file.seek(0)
        return self.file.read()

    def ran(self):
        """Waits for its own end, which must be a success."""
        if self.process.wait() != 0:
            raise Failed(f"{' '.join(self.argv)}: {last_line(self.output())}")
        return self.output()


    def cost(self):
        """Waits for its own end, which must be a success: what it printed, and the CPU seconds that
        it took, user and system, as the kernel has summed them up."""
        _, status, usage = os.wait4(self.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.ran(), usage.ru_utime + usage.ru_stime


def set_real_time(pid, on):
    """Nothing else of this machine's runs on its CPU while it wants to, for as long as the kernel
    puts up with that: some 0.9 s in each second (sched(7))."""
    os.sched_setscheduler(pid, os.SCHED_FIFO if on else os.SCHED_OTHER, os.sched_param(int(on)))


def last_line(text):
    return (text.strip().splitlines() or ["it printed nothing"])[-1]


def status_field(pid, name):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(rf"^{name}:\s+(\d+)", status.read(), re.M).group(1))


def descriptors(pid):
    """What a process has open: number -> name."""
    names = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            names[fd] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            pass  # closed since
    return names


def wait_until_attached(tool, target):
    """Until the tool holds BPF links or perf events, or is the target's ptracer, and that does not
    change any more. While it holds the kernel's BPF statistics on, it still calibrates."""
    deadline = time.monotonic() + ATTACH_S
    last, since = None, 0.0
    while time.monotonic() < deadline:
        if tool.process.poll() is not None:
            raise Failed(last_line(tool.output()))
        names = descriptors(tool.pid).values()
        held = sorted(name for name in names if "bpf_link" in name or "perf_event" in name)
        if status_field(target.pid, "TracerPid") == tool.pid:
            held.append("ptrace")
        if held != last or not held or any("bpf-stats" in name for name in names):
            last, since = held, time.monotonic()
        elif time.monotonic() - since > SETTLED_S:
            return
        time.sleep(0.02)
    raise Failed("it did not attach in time")
