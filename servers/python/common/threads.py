"""A thread per connection, which blocks in its own calls."""

import errno
import os
import selectors
import threading

from common.listener import Shortage
from common.service import SelectorService

# Address space, of which only what is used becomes memory: 10,000 threads take 2.5 GB of it.
# Python code itself runs on the heap since 3.11.
STACK_BYTES = 256 * 1024


class ThreadService(SelectorService):
    """Calls protocol.serve() in the thread of a client, with its blocking socket, which that
    closes; and protocol.end() once, when the end begins."""

    def __init__(self, options, protocol):
        super().__init__(options)
        self._protocol = protocol
        self._clients = set()
        self._empty = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.selector.register(self._empty, selectors.EVENT_READ,
                               lambda _: os.eventfd_read(self._empty))
        threading.stack_size(STACK_BYTES)

    def take(self, client):
        self._clients.add(client)
        try:
            # Daemons: who has used up the grace period is not waited for.
            threading.Thread(target=self._run, args=(client,), daemon=True).start()
        except RuntimeError as error:
            self._clients.discard(client)
            # Python does not say why; pthread_create(3) fails with EAGAIN.
            raise Shortage("start a thread for a client", errno.EAGAIN,
                           "raise ulimit -u, ulimit -v, or sysctl kernel.threads-max, "
                           "kernel.pid_max, vm.max_map_count") from error

    def told_to_end(self):
        self._protocol.end()

    def clients(self):
        return len(self._clients)

    def _run(self, client):
        try:
            self._protocol.serve(client)
        finally:
            # One bytecode each, so no lock: either this thread sees that the end has begun, or
            # the main thread, which counts only after that, sees one client less.
            self._clients.discard(client)
            if self.stop.begun:
                os.eventfd_write(self._empty, 1)
