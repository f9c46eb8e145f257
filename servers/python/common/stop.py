"""Has the user asked the server to end, and how long may its clients still take?

The first signal begins an orderly end. From then on SIGINT and SIGTERM have their default effect
again, so a second one ends the process at once, whatever it is doing.
"""

import math
import signal
import socket
import time

from common.program import log_line

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 0.3


class Stop:
    def __init__(self, grace):
        self.begun = False
        self._grace = grace
        self._deadline = math.inf
        self._report_at = math.inf

    def begin(self):
        now = time.monotonic()
        self.begun = True
        self._deadline = now + self._grace
        self._report_at = now + PATIENCE
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def overdue(self):
        """The grace period is over: clients that are still there are cut off."""
        return self.begun and time.monotonic() >= self._deadline

    def timeout(self):
        """When to look again, in seconds; None (never) before the end has begun."""
        if not self.begun:
            return None
        return max(0.0, min(self._report_at, self._deadline) - time.monotonic())

    def report(self, clients):
        """Tells the user, once, what the end is waiting for; not if the clients leave at once."""
        if time.monotonic() < self._report_at:
            return
        self._report_at = math.inf
        log_line(f"ending: {clients} client{'' if clients == 1 else 's'} may finish within "
                 f"{self._grace:g} s (--grace); a second signal ends at once")


class Signals:
    """The signals, as a socket that is readable when one has come, for models that wait on
    sockets. asyncio has its own way."""

    def __init__(self):
        self._end, self._wake = socket.socketpair()
        self._end.setblocking(False)
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            # Python tells the wake-up descriptor only of signals that have a handler.
            signal.signal(number, lambda *_: None)

    def fileno(self):
        return self._end.fileno()

    def take(self):
        """The numbers of signals that have come."""
        try:
            return self._end.recv(4096)
        except BlockingIOError:
            return b""

    def close(self):
        signal.set_wakeup_fd(-1)
        self._end.close()
        self._wake.close()
