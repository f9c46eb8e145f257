"""One thread, asyncio: the same code under Python's own event loop and under uvloop's.

Clients are accepted here and not by asyncio.start_server(), which answers a lack of descriptors
with as many failed calls as the backlog is long, once a second, and a traceback for each (Python
3.11), or under uvloop by hanging up on those who wait; and which forgets who waits when it ends.
"""

import asyncio

from common.listener import Listener
from common.program import announce, log_line, require
from common.service import ACCEPT_BATCH
from common.stop import SIGNALS, Stop


class Service:
    """What is served derives this. Which clients come in and when it ends is decided here."""

    def __init__(self, options):
        self.stop = Stop(options.grace)
        self._listener = Listener(options)
        self._clients = set()  # tasks, of which the loop itself holds no reference, and protocols
        self._change = asyncio.Event()

    async def serve(self, client):
        """Serves a client on its non-blocking socket. May return before the client has left, if
        something else has been passed to enter()."""
        raise NotImplementedError

    def told_to_end(self):
        """Called once, when the end begins."""

    async def run(self):
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_report)
        for number in SIGNALS:
            self._loop.add_signal_handler(number, self._begin_stop)
        self._loop.add_reader(self._listener, self._accept_clients)
        announce(self._listener)
        while not (self.stop.begun and not self._clients) and not self.stop.overdue():
            self.stop.report(len(self._clients))
            self._change.clear()
            try:
                async with asyncio.timeout(self.stop.timeout()):
                    await self._change.wait()
            except TimeoutError:
                pass

    def enter(self, client):
        self._clients.add(client)

    def leave(self, client):
        self._clients.discard(client)
        if not self._clients:
            self._change.set()

    def clients(self):
        return self._clients

    async def _serve(self, client):
        try:
            await self.serve(client)
        except OSError:
            client.close()  # it was gone before it could be served

    def _accept_clients(self, at_most=ACCEPT_BATCH):
        for _ in range(at_most):
            client = self._listener.accept()
            if client is None:
                break
            client.setblocking(False)
            task = self._loop.create_task(self._serve(client))
            self.enter(task)
            task.add_done_callback(self.leave)
        if self._listener.paused and not self.stop.begun:
            self._loop.remove_reader(self._listener)
            self._loop.call_later(self._listener.timeout(), self._resume)

    def _resume(self):
        if self.stop.begun:
            return
        if not self._listener.resume():  # the loop's clock is coarser
            self._loop.call_later(self._listener.timeout(), self._resume)
            return
        self._loop.add_reader(self._listener, self._accept_clients)

    def _begin_stop(self):
        if self.stop.begun:
            return
        # Those in the backlog are connected as far as they know: they are served too.
        self._accept_clients(self._listener.backlog)
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for number in SIGNALS:
            self._loop.remove_signal_handler(number)
        self.stop.begin()
        self.told_to_end()
        self._change.set()


def run(service, options, loop_module=None):
    """Makes this service and runs it to its end, in Python's event loop or in that of a module."""
    factory = None
    if loop_module is not None:
        factory = require(loop_module, f"python3-{loop_module}").new_event_loop

    async def main():
        await service(options).run()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


def _report(_, context):
    log_line(f"{context['message']}: {context.get('exception')!r}")
