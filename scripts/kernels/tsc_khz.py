"""Prints how many kHz this machine's time stamp counter has: 0 where it cannot be measured.

Emulated, a guest has this machine's counter, and measures its pace at boot. On a busy machine that
goes wrong, and then all the guest's clocks: so it is told."""
import ctypes
import mmap
import platform
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
READ = bytes.fromhex("0f3148c1e2204809d0c3")
SECONDS = 0.05
TRIES = 5


def reader():
    """A function that reads the counter. Keeps its memory for the program's life."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(READ)
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(at)
    read.page = page
    return read


def edge(read):
    """The counter and the clock at one moment: the closest of some pairs."""
    best = None
    for _ in range(100):
        before = time.monotonic_ns()
        ticks = read()
        after = time.monotonic_ns()
        if best is None or after - before < best[0]:
            best = (after - before, ticks, (before + after) / 2)
    return best[1:]


def khz():
    read = reader()
    found = []
    for _ in range(TRIES):
        ticks, ns = edge(read)
        time.sleep(SECONDS)
        more_ticks, more_ns = edge(read)
        found.append((more_ticks - ticks) / (more_ns - ns) * 1e6)
    return round(sorted(found)[TRIES // 2])


if __name__ == "__main__":
    try:
        print(khz() if platform.machine() == "x86_64" else 0)
    except (OSError, ValueError):
        print(0)  # no memory may be executed here
