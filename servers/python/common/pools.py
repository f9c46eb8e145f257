"""A few workers serve requests as they come; who has asked for nothing waits with the main thread,
so that connections may outnumber workers."""

import collections
import os
import queue
import selectors
import signal
import socket
import struct
import threading
import time

from common.blocking_http import LINGER, Next, proceed, set_limits
from common.echo import READ_BYTES
from common.files import Folder
from common.http import Conversation, Site
from common.listener import Shortage
from common.processes import die_with, fork
from common.program import Failure, log_line
from common.service import SelectorService, soonest
from common.stop import SIGNALS

EVENT_READ = selectors.EVENT_READ


class Connection:
    __slots__ = ("client", "conversation", "lingering_until")

    def __init__(self, client, conversation):
        self.client = client
        self.conversation = conversation
        self.lingering_until = None

    @property
    def idle(self):
        return self.lingering_until is None and not self.conversation.asking

    @property
    def deadline(self):
        return self.lingering_until or self.conversation.deadline


class PoolService(SelectorService):
    """A pool derives this, starts its workers, and says how they get work."""

    def __init__(self, options):
        super().__init__(options)
        self.site = Site(Folder(options.folder), options)
        self._waiting = set()  # connections whose clients have their turn
        self._working = 0
        self._look_at = 0.0  # when to look again for who takes too long

    def hand_over(self, connection):
        """Has a worker call proceed(); who then calls, or has the main thread call, returned()."""
        raise NotImplementedError

    def take(self, client):
        set_limits(client, self.site.timeout)
        self._await(Connection(client, Conversation(self.site)))

    def told_to_end(self):
        self.site.ending = True

    def clients(self):
        return len(self._waiting) + self._working

    def wait(self, timeout):
        super().wait(soonest(timeout, self.site.timeout / 4 if self._waiting else None))
        idle = [c for c in self._waiting if c.idle] if self.stop.begun else []
        if idle:
            super().wait(0)  # what has come already is served
            for connection in idle:
                if connection.idle and connection in self._waiting:
                    self._close(connection)
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + self.site.timeout / 4
            for connection in [c for c in self._waiting if c.deadline <= now]:
                self._too_late(connection)

    def returned(self, connection, went):
        self._working -= 1
        if went is Next.GONE:
            connection.client.close()
        elif went is Next.LAST:
            self._linger(connection)
        else:
            self._await(connection)

    def _await(self, connection):
        self._waiting.add(connection)
        self.selector.register(connection.client, EVENT_READ,
                               lambda _: self._readable(connection))

    def _readable(self, connection):
        if connection.lingering_until is not None:
            self._throw_away(connection)
            return
        self.selector.unregister(connection.client)
        self._waiting.discard(connection)
        self._working += 1
        self.hand_over(connection)

    def _linger(self, connection):
        """As blocking_http.linger()."""
        try:
            connection.client.shutdown(socket.SHUT_WR)
        except OSError:
            connection.client.close()
            return
        connection.lingering_until = time.monotonic() + LINGER
        self._await(connection)

    def _throw_away(self, connection):
        try:
            if connection.client.recv(READ_BYTES, socket.MSG_DONTWAIT):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._close(connection)

    def _too_late(self, connection):
        answer = None
        if connection.lingering_until is None:
            answer = connection.conversation.timed_out()
        if answer is None:
            self._close(connection)
            return
        self.selector.unregister(connection.client)
        self._waiting.discard(connection)
        try:
            connection.client.send(answer.data, socket.MSG_DONTWAIT)
        except OSError:
            pass
        self._linger(connection)

    def _close(self, connection):
        self.selector.unregister(connection.client)
        self._waiting.discard(connection)
        connection.client.close()


def work(client, conversation, delay):
    """What a worker does with a connection whose client has its turn."""
    try:
        return proceed(client, conversation, delay, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return Next.MORE  # nothing had come after all
    except OSError:
        return Next.GONE


class ThreadPoolService(PoolService):
    def __init__(self, options):
        super().__init__(options)
        self._work = queue.SimpleQueue()
        self._done = collections.deque()
        self._news = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.selector.register(self._news, EVENT_READ, self._take_back)
        for _ in range(options.workers):
            try:
                threading.Thread(target=self._be_worker, daemon=True).start()
            except RuntimeError as error:
                raise Failure(f"cannot start {options.workers} threads; raise ulimit -u, or give "
                              "fewer --workers") from error

    def hand_over(self, connection):
        self._work.put(connection)

    def _be_worker(self):
        while True:
            connection = self._work.get()
            self._done.append((connection, work(connection.client, connection.conversation,
                                                self.site.delay)))
            os.eventfd_write(self._news, 1)

    def _take_back(self, _):
        os.eventfd_read(self._news)
        while self._done:
            self.returned(*self._done.popleft())


# What goes between the main process and a worker, with the client's socket on the way there: how it
# went or whether the end has begun, and the state of the conversation.
MESSAGE = struct.Struct("=Bd?")
MESSAGE_BYTES = MESSAGE.size + 2 * READ_BYTES


class Worker:
    def __init__(self, process, channel):
        self.process = process
        self.channel = channel
        self.connection = None


class ProcessPoolService(PoolService):
    def __init__(self, options):
        super().__init__(options)
        self._self = os.getpid()
        self._workers = set()
        self._free = []  # the last one first: its caches are warm
        self._queue = collections.deque()
        try:
            for _ in range(options.workers):
                self._start_worker()
        except Shortage as shortage:
            raise Failure(f"{shortage}; or give fewer --workers") from shortage

    def hand_over(self, connection):
        self._queue.append(connection)
        self._give_work()

    def _give_work(self):
        while self._queue and self._free:
            connection = self._queue.popleft()
            worker = self._free.pop()
            worker.connection = connection
            deadline, asking, pending = connection.conversation.state()
            message = MESSAGE.pack(self.site.ending, deadline, asking) + pending
            try:
                socket.send_fds(worker.channel, [message], [connection.client.fileno()])
            except OSError:
                pass  # it has died: its channel says so too

    def _answered(self, worker):
        try:
            message = worker.channel.recv(MESSAGE_BYTES)
        except OSError:
            message = b""
        connection, worker.connection = worker.connection, None
        if message:
            self._free.append(worker)
            went, *state = MESSAGE.unpack_from(message)
            connection.conversation = Conversation(self.site, (*state, message[MESSAGE.size:]))
            self.returned(connection, Next(went))
        else:
            if connection is not None:
                self.returned(connection, Next.GONE)
            self._replace(worker)
        self._give_work()

    def _replace(self, worker):
        self.selector.unregister(worker.channel)
        worker.channel.close()
        self._workers.discard(worker)
        if worker in self._free:
            self._free.remove(worker)
        _, status = os.waitpid(worker.process, 0)
        log_line(f"a worker process ended ({os.waitstatus_to_exitcode(status)}; a negative number "
                 "is a signal's); starting another")
        try:
            self._start_worker()
        except Shortage as shortage:
            if not self._workers:
                raise Failure(str(shortage)) from shortage
            log_line(f"{shortage}; going on with {len(self._workers)}")

    def _start_worker(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        child = fork()
        if child == 0:
            self._be_worker(ours, theirs)
        theirs.close()
        worker = Worker(child, ours)
        self.selector.register(ours, EVENT_READ, lambda _: self._answered(worker))
        self._workers.add(worker)
        self._free.append(worker)

    def _be_worker(self, ours, channel):
        try:
            die_with(self._self)
            self._forget_parent(ours)
            family = self.listener.family
            while True:
                message, descriptors, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, 1)
                if not message:
                    break
                ending, *state = MESSAGE.unpack_from(message)
                self.site.ending = bool(ending)
                conversation = Conversation(self.site, (*state, message[MESSAGE.size:]))
                with socket.socket(family, socket.SOCK_STREAM, 0, descriptors[0]) as client:
                    went = work(client, conversation, self.site.delay)
                deadline, asking, pending = conversation.state()
                channel.send(MESSAGE.pack(went.value, deadline, asking) + pending)
        except OSError:
            pass  # the parent has gone
        except Exception as error:
            log_line(f"a worker process fails: {error!r}")
        finally:
            os._exit(0)

    def _forget_parent(self, ours):
        """A copy of a descriptor that the parent closes would keep its other end from seeing
        that."""
        for number in SIGNALS:  # the parent is told, and tells us
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self.signals.close()
        self.listener.close()
        self.selector.close()
        ours.close()
        for worker in self._workers:
            worker.channel.close()
            if worker.connection is not None:
                worker.connection.client.close()
        for connection in [*self._waiting, *self._queue]:
            connection.client.close()
