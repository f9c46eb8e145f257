"""A process per connection, which blocks in its own calls."""

import ctypes
import gc
import os
import signal

from common.listener import Shortage
from common.program import log_line
from common.service import SelectorService
from common.stop import SIGNALS

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_libc = ctypes.CDLL(None)


def fork():
    """os.fork(), but SIGINT and SIGTERM stay blocked in the child: it has still the parent's
    handlers. Raises Shortage."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    child = -1
    try:
        child = os.fork()
    except OSError as error:
        raise Shortage("start a process for a client", error,
                       "raise ulimit -u, or sysctl kernel.pid_max") from error
    finally:
        if child != 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    return child


def die_with(parent):
    """The calling process ends with the process that forked it, whatever ends that."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before prctl
        os._exit(0)


class ProcessService(SelectorService):
    """Calls protocol.serve() in the process of a client, with its blocking socket; and there, once,
    protocol.end() when the end begins."""

    def __init__(self, options, protocol):
        super().__init__(options)
        self._protocol = protocol
        self._children = set()
        self._self = os.getpid()
        signal.signal(signal.SIGCHLD, lambda *_: None)  # ends the wait
        gc.freeze()  # a collection in a child would write to, and so copy, all pages of ours

    def run(self):
        super().run()
        # Clients that have used up the grace period.
        for child in self._children:
            os.kill(child, signal.SIGKILL)
        for child in self._children:
            os.waitpid(child, 0)

    def take(self, client):
        child = fork()
        if child == 0:
            self._be_child(client)
        self._children.add(child)
        client.close()

    def clients(self):
        return len(self._children)

    def signalled(self):
        super().signalled()
        while self._children:
            child, _ = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                break
            self._children.discard(child)

    def told_to_end(self):
        for child in self._children:
            os.kill(child, signal.SIGTERM)

    def _be_child(self, client):
        try:
            die_with(self._self)
            self.signals.close()
            self.listener.close()
            self.selector.close()
            for number in SIGNALS:  # Ctrl-C reaches all of us: a client still gets its time
                signal.signal(number, lambda *_: self._protocol.end())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self._protocol.serve(client)
        except Exception as error:
            log_line(f"could not serve a client: {error!r}")
        finally:
            os._exit(0)
