"""HTTP for whoever may block in its own calls: a thread or process per client, or a worker of a
pool."""

import os
import socket
import struct
import time
from enum import Enum

from common.echo import READ_BYTES
from common.files import Folder
from common.http import Conversation, Site

LINGER = 1.0


class Next(Enum):
    MORE = 0  # the client may ask more
    LAST = 1  # the last answer was sent; see linger()
    GONE = 2  # the client has left


def set_limits(client, seconds):
    """No call on this socket blocks for longer, at the cost of no further call: then it fails with
    BlockingIOError (socket(7), SO_RCVTIMEO)."""
    limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def proceed(client, conversation, delay, flags=0):
    """Receives once, and answers all requests that are whole. Raises OSError if the client is gone
    or does not take its answer."""
    received = client.recv(READ_BYTES, flags)
    if not received:
        return Next.GONE
    conversation.feed(received)
    while (answer := conversation.next_answer()) is not None:
        if delay:
            time.sleep(delay)
        send(client, answer)
        if answer.last:
            return Next.LAST
    return Next.MORE


def send(client, answer):
    try:
        client.sendall(answer.data)
        offset = 0
        while offset < answer.file_size:
            sent = os.sendfile(client.fileno(), answer.file, offset, answer.file_size - offset)
            if sent == 0:
                raise ConnectionAbortedError("the file is shorter than was promised")
            offset += sent
    except BlockingIOError as error:
        raise TimeoutError("the client does not take its answer") from error
    finally:
        answer.discard()


def linger(client):
    """Closing with input unread would reset the connection and could destroy the answer on its
    way: sends the end, and throws away what still comes until the client ends too."""
    client.shutdown(socket.SHUT_WR)
    set_limits(client, LINGER)
    until = time.monotonic() + LINGER
    while client.recv(READ_BYTES) and time.monotonic() < until:
        pass


class Http:
    """A protocol for models that give a client to somebody who blocks in its calls."""

    def __init__(self, options):
        self._site = Site(Folder(options.folder), options)
        self._idle = set()  # sockets of clients that have asked for nothing

    def serve(self, client):
        with client:
            try:
                set_limits(client, self._site.timeout)
                if self._converse(client) is Next.LAST:
                    linger(client)
            except OSError:
                pass  # the client is gone, or has used up its time

    def end(self):
        self._site.ending = True
        for client in list(self._idle):
            _no_more(client)

    def _converse(self, client):
        conversation = Conversation(self._site)
        went = Next.MORE
        while went is Next.MORE:
            idle = not conversation.asking
            if idle:
                self._idle.add(client)
                if self._site.ending:  # after it was added: end() sees it, or it sees the end
                    _no_more(client)
            try:
                went = proceed(client, conversation, self._site.delay)
            except BlockingIOError:
                went = self._too_late(client, conversation)
            finally:
                if idle:
                    self._idle.discard(client)
            if went is Next.MORE and time.monotonic() >= conversation.deadline:
                went = self._too_late(client, conversation)
        return went

    def _too_late(self, client, conversation):
        answer = conversation.timed_out()
        if answer is None:
            return Next.GONE
        send(client, answer)
        return Next.LAST


def _no_more(client):
    """What has come already can still be received, and then comes the end."""
    try:
        client.shutdown(socket.SHUT_RD)
    except OSError:
        pass  # it has just left
