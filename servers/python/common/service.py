"""Which clients come in, and when does it end? What every model outside asyncio does around
serving."""

import selectors

from common.listener import Listener, Shortage
from common.program import announce
from common.stop import SIGNALS, Signals, Stop

# So many new clients in a row, then those already there (and signals) have their turn again.
ACCEPT_BATCH = 64


def soonest(*timeouts):
    """The least; None means never."""
    return min((timeout for timeout in timeouts if timeout is not None), default=None)


class Service:
    """A model derives this and says how it waits and what it does with a client. Service decides
    when to accept, when to pause, when to stop, and when the last client has had its time."""

    def __init__(self, options):
        self.stop = Stop(options.grace)
        self.signals = Signals()
        self.listener = Listener(options)

    def wait(self, timeout):
        """Waits for clients, for signals or for something of the model's own, at most so many
        seconds (None: for ever)."""
        raise NotImplementedError

    def take(self, client):
        """Serves this client from now on, or raises Shortage."""
        raise NotImplementedError

    def clients(self):
        """How many are being served."""
        raise NotImplementedError

    def told_to_end(self):
        """Called once, when the end begins."""

    def run(self):
        announce(self.listener)
        while not (self.stop.begun and not self.clients()) and not self.stop.overdue():
            self.stop.report(self.clients())
            self.wait(soonest(self.stop.timeout(), self.listener.timeout()))
            if self.listener.resume():
                self.accept_clients()

    def accept_clients(self, at_most=ACCEPT_BATCH):
        for _ in range(at_most):
            client = self.listener.accept()
            if client is None:
                return
            try:
                self.take(client)
            except Shortage as shortage:
                self.listener.put_back(client)
                self.listener.pause(shortage)
                return

    def signalled(self):
        if any(number in SIGNALS for number in self.signals.take()):
            self.begin_stop()

    def begin_stop(self):
        # Those in the backlog are connected as far as they know: they are served too.
        self.accept_clients(self.listener.backlog)
        self.listener.close()
        self.stop.begin()
        self.told_to_end()


class SelectorService(Service):
    """A Service that waits with Python's selectors (epoll(7), level-triggered). What is registered
    carries the function to call with the events that have come."""

    def __init__(self, options):
        super().__init__(options)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.signals, selectors.EVENT_READ, lambda _: self.signalled())
        self._accepting = False

    def wait(self, timeout):
        self._watch_listener()
        for key, events in self.selector.select(timeout):
            key.data(events)

    def begin_stop(self):
        if self._accepting:
            self.selector.unregister(self.listener)
            self._accepting = False
        super().begin_stop()

    def _watch_listener(self):
        """Takes the listener out of the set while it pauses."""
        wanted = not self.stop.begun and not self.listener.paused
        if wanted == self._accepting:
            return
        self._accepting = wanted
        if wanted:
            self.selector.register(self.listener, selectors.EVENT_READ, self._may_accept)
        else:
            self.selector.unregister(self.listener)

    def _may_accept(self, _):
        if self._accepting:  # else a signal came with the same select()
            self.accept_clients()
