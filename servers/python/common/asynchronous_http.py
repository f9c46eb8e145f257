"""HTTP over asyncio: a protocol per client, and a coroutine only for an answer that takes time."""

import asyncio

from common import asynchronous
from common.blocking_http import LINGER
from common.echo import READ_BYTES
from common.files import Folder
from common.http import Conversation, Site

# So many requests of one client in a row, then the others have their turn.
TURN = 16
# Of a large file, between two looks at whether its client takes it.
CHUNK = 256 * 1024
# Turns of the event loop after which a client accepted in the first has its input read: its task
# starts, asyncio watches its socket, the socket is ready, and some to spare.
LAST_TURNS = 10


class HttpService(asynchronous.Service):
    def __init__(self, options):
        super().__init__(options)
        self.site = Site(Folder(options.folder), options)
        # One for all: what has come leaves it before the next client's does.
        self.buffer = memoryview(bytearray(READ_BYTES))
        self._connections = set()
        self._closing = set()  # tasks, of which the loop itself holds no reference

    async def run(self):
        self._sweep()
        await super().run()

    async def serve(self, client):
        await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(self), client)

    def enter(self, client):
        super().enter(client)
        if isinstance(client, Connection):
            self._connections.add(client)
            if self.site.ending:  # it was in the backlog
                self.close_soon(client)

    def leave(self, client):
        self._connections.discard(client)
        super().leave(client)

    def told_to_end(self):
        self.site.ending = True
        for connection in list(self._connections):
            self.close_soon(connection)

    def close_soon(self, connection):
        """When it ends, unless the client has asked for more until then."""
        task = asyncio.get_running_loop().create_task(self._close_idle(connection))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_idle(self, connection):
        for _ in range(LAST_TURNS):  # what had come before the signal is served
            await asyncio.sleep(0)
        connection.close_if_idle()

    def _sweep(self):
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._connections):
            connection.check(now)
        loop.call_later(self.site.timeout / 4, self._sweep)


class Connection(asyncio.BufferedProtocol):
    def __init__(self, service):
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._conversation = Conversation(service.site)
        self._task = None  # for an answer that takes time
        self._deadline = None  # for the client to take its answer, or to end after its last one
        self._lingering = False
        self._writable = True

    def connection_made(self, transport):
        self._transport = transport
        self._service.enter(self)

    def connection_lost(self, _):
        if self._task is not None:
            self._task.cancel()
        self._service.leave(self)

    def get_buffer(self, _):
        return self._service.buffer

    def buffer_updated(self, size):
        if not self._lingering:
            self._conversation.feed(bytes(self._service.buffer[:size]))
            if self._task is None and self._writable:
                self._proceed()

    def pause_writing(self):
        self._writable = False
        self._deadline = self._loop.time() + self._service.site.timeout
        self._transport.pause_reading()

    def resume_writing(self):
        self._writable = True
        if not self._lingering:
            self._deadline = None
        self._go_on()

    def close_if_idle(self):
        if not (self._lingering or self._task or self._conversation.asking):
            self._transport.close()

    def check(self, now):
        """Ends what takes too long. The loop's clock is that of the conversation."""
        if self._deadline is not None:
            if self._deadline > now:
                return
            if self._task is None:
                self._transport.abort()
            else:
                # It ends the transport itself: asyncio forgets to stop watching a socket that is
                # closed under its sendfile(), and then cannot watch the next of that number.
                self._task.cancel()
        elif self._task is None and self._conversation.deadline <= now:
            answer = self._conversation.timed_out()
            if answer is None:
                self._transport.close()
            else:
                self._write(answer)

    def _proceed(self):
        for _ in range(TURN):
            answer = self._conversation.next_answer()
            if answer is None:
                return
            if answer.file >= 0 or self._service.site.delay:
                self._transport.pause_reading()
                self._task = self._loop.create_task(self._answer_slowly(answer))
                return
            self._write(answer)
            if self._lingering or not self._writable:
                return
        self._transport.pause_reading()
        self._loop.call_soon(self._go_on)

    def _go_on(self):
        if self._transport.is_closing() or not self._writable or self._task is not None:
            return
        self._transport.resume_reading()
        if not self._lingering:
            self._proceed()
            if self._service.site.ending:  # this answer was begun before, as one of more
                self._service.close_soon(self)

    def _write(self, answer):
        self._transport.write(answer.data)
        if answer.last:
            # Closing with input unread would reset the connection and could destroy the answer on
            # its way: sends the end, and throws away what still comes until the client ends too.
            self._lingering = True
            self._deadline = self._loop.time() + LINGER
            if not self._writable:
                self._deadline += self._service.site.timeout
            self._transport.write_eof()

    async def _answer_slowly(self, answer):
        try:
            if self._service.site.delay:
                await asyncio.sleep(self._service.site.delay)
            if answer.file < 0:
                self._write(answer)
            else:
                await self._send_file(answer)
        except (OSError, RuntimeError, asyncio.CancelledError):
            # The client is gone (asyncio says so by a RuntimeError too), or does not take it.
            self._transport.abort()
        finally:
            answer.discard()
            self._task = None
        self._go_on()

    async def _send_file(self, answer):
        last, answer.last = answer.last, False
        self._write(answer)
        with open(answer.file, "rb", buffering=0, closefd=False) as file:
            for offset in range(0, answer.file_size, CHUNK):
                self._deadline = self._loop.time() + self._service.site.timeout
                size = min(CHUNK, answer.file_size - offset)
                sent = await self._loop.sendfile(self._transport, file, offset, size,
                                                 fallback=False)
                if sent != size:
                    raise ConnectionAbortedError("the file is shorter than was promised")
        self._deadline = None
        answer.data, answer.last = b"", last
        self._write(answer)
