"""Who wants to be served? The listening socket, and what to do when clients come faster than
descriptors, threads or processes allow."""

import errno
import socket
import time

from common.program import Failure, failure_text, log_line

PAUSE = 0.1
QUIET = 10.0

REMEDIES = {
    errno.EADDRINUSE: "another program listens there: choose another --port, or 0 for a free one",
    errno.EADDRNOTAVAIL: "--bind must be an address of this machine (`ip address` lists them)",
    errno.EACCES:
        "low ports need root or CAP_NET_BIND_SERVICE: choose a --port from 1024 up",
    errno.EAFNOSUPPORT: "this kind of address is turned off here: try --bind 127.0.0.1",
}
SHORTAGES = {
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the machine's limit (sysctl fs.file-max)",
}
# The client's own failure, which came up before it was accepted: on to the next one (accept(2),
# "Error handling").
CLIENTS_OWN = {errno.ECONNABORTED, errno.ENETDOWN, errno.EPROTO, errno.ENOPROTOOPT,
               errno.EHOSTDOWN, errno.ENONET, errno.EHOSTUNREACH, errno.EOPNOTSUPP,
               errno.ENETUNREACH}


class Shortage(Exception):
    """Why a client cannot be served just now."""

    def __init__(self, operation, error, remedy=""):
        super().__init__(failure_text(operation, error, remedy))


class Rarely:
    """Says on stderr that something has run out, at most every 10 s."""

    def __init__(self):
        self._quiet_until = float("-inf")

    def say(self, text):
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + QUIET
            log_line(text)


def with_port(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Listener:
    def __init__(self, options):
        self.backlog = options.backlog
        self.socket = _listen(options.bind, options.port, options.backlog)
        self.family = self.socket.family
        self._put_back = None
        self._paused_until = None
        self._shortages = Rarely()

    @property
    def paused(self):
        return self._paused_until is not None

    def fileno(self):
        return self.socket.fileno()

    def address(self):
        return with_port(*self.socket.getsockname()[:2])

    def accept(self):
        """The next client's socket, with TCP_NODELAY. None if no client waits, or if descriptors
        have run out: then it has paused. Never blocks."""
        if self._put_back is not None:
            client, self._put_back = self._put_back, None
            return client
        while True:
            try:
                return self.socket.accept()[0]
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno in CLIENTS_OWN:
                    continue
                remedy = SHORTAGES.get(error.errno, "")
                self.pause(Shortage("accept a client", error, remedy))
                return None

    def put_back(self, client):
        """Gives back a client that cannot be served now: the next accept() returns it."""
        self._put_back = client

    def pause(self, shortage):
        """Stops taking clients for 100 ms (they wait in the backlog), so that a shortage is not
        asked about in a busy loop."""
        self._paused_until = time.monotonic() + PAUSE
        self._shortages.say(f"{shortage}; clients already connected are served on, new ones wait")

    def resume(self):
        """Ends a pause that has lasted long enough; then true, and accept() is worth trying."""
        if not self.paused or time.monotonic() < self._paused_until:
            return False
        self._paused_until = None
        return True

    def timeout(self):
        """How long a pause still lasts, in seconds; None if there is none."""
        return max(0.0, self._paused_until - time.monotonic()) if self.paused else None

    def close(self):
        self.socket.close()
        if self._put_back is not None:
            self._put_back.close()
            self._put_back = None
        self._paused_until = None


def _listen(host, port, backlog):
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        why = error.strerror if isinstance(error, socket.gaierror) else "that is no host name"
        raise Failure(f"cannot listen on {with_port(host, port)}: {why}; --bind takes an address "
                      "of this machine, such as 127.0.0.1, ::1 or 0.0.0.0 (all)") from error
    listening = None
    try:
        listening = socket.socket(family, kind, protocol)
        # Linux clones accepted sockets from the listening one, options included: TCP_NODELAY set
        # here costs no setsockopt per connection. SO_REUSEADDR ignores the TIME_WAITs of an
        # earlier run.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind(address)
        listening.listen(backlog)
        listening.setblocking(False)
        return listening
    except OSError as error:
        raise Failure.from_error(f"listen on {with_port(host, port)}", error,
                                 REMEDIES.get(error.errno, "")) from error
