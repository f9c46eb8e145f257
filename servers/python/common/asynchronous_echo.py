"""Echo in the three styles of asyncio, for any of its event loops."""

import asyncio

from common import asynchronous, options
from common.echo import READ_BYTES
from common.program import run


def main(service, loop_module=None):
    loop = "asyncio over uvloop" if loop_module else "asyncio"
    given = options.parser(f"One thread, {loop}: {service.__doc__}").parse_args()
    run(lambda: asynchronous.run(service, given, loop_module))


class Streams(asynchronous.Service):
    """a coroutine per client over streams."""

    async def serve(self, client):
        reader, writer = await asyncio.open_connection(sock=client, limit=READ_BYTES)
        try:
            while message := await reader.read(READ_BYTES):
                writer.write(message)
                await writer.drain()
            writer.close()
            await writer.wait_closed()
        except OSError:
            writer.transport.abort()  # the client is gone


class Sock(asynchronous.Service):
    """a coroutine per client over loop.sock_recv() and loop.sock_sendall()."""

    async def serve(self, client):
        loop = asyncio.get_running_loop()
        with client:
            try:
                while message := await loop.sock_recv(client, READ_BYTES):
                    await loop.sock_sendall(client, message)
            except OSError:
                pass  # the client is gone


class Proto(asynchronous.Service):
    """a protocol per client, called back with what has come."""

    def __init__(self, given):
        super().__init__(given)
        # One for all: a message leaves it before the next one comes.
        self.buffer = memoryview(bytearray(READ_BYTES))

    async def serve(self, client):
        await asyncio.get_running_loop().connect_accepted_socket(lambda: Echo(self), client)


class Echo(asyncio.BufferedProtocol):
    """Buffered, because asyncio receives for the other kind of protocol into 256 KiB that it
    allocates each time, so much that the C library maps and unmaps them."""

    __slots__ = ("_service", "_transport")

    def __init__(self, service):
        self._service = service

    def connection_made(self, transport):
        self._transport = transport
        self._service.enter(self)
        # No more than one answer is ever kept for a client that does not take it.
        transport.set_write_buffer_limits(high=0)

    def get_buffer(self, _):
        return self._service.buffer

    def buffer_updated(self, size):
        # A copy: a transport may keep what it is given until the socket takes it.
        self._transport.write(bytes(self._service.buffer[:size]))

    def pause_writing(self):
        self._transport.pause_reading()

    def resume_writing(self):
        self._transport.resume_reading()

    def connection_lost(self, _):
        self._service.leave(self)
