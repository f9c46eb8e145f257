"""What does a client of HTTP/1.1 (RFC 9112) ask for, and what is it answered? Bytes in, answers
out; how the bytes travel is the model's business.

The fields of a request are parsed here and not by http.client, whose e-mail parser takes what a
server must refuse: folded lines, space before the colon, anything after a line it does not
understand.
"""

import email.utils
import functools
import os
import re
import time
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from common.listener import Rarely
from common.program import log_line

MAX_REQUEST_LINE = 8 * 1024
MAX_HEAD = 32 * 1024
MAX_FIELDS = 100
# Up to here an answer's body is sent together with its head; beyond, the kernel copies it.
MAX_BODY_IN_MEMORY = 64 * 1024

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
HOST = re.compile(rb"[^\s/?#@\\]*")
ABSOLUTE = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)
EMPTY_LINES = re.compile(rb"(?:\r\n)+")  # to be ignored before a request (RFC 9112, 2.2)
BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# Fields that would make a request ambiguous if they came twice.
ONCE = {b"host", b"content-length", b"transfer-encoding"}


class Refused(Exception):
    """The request cannot be granted. Where its end is not known for certain, nothing that comes
    after it may be taken for another request: then it is the last."""

    def __init__(self, status, last=False, location=None):
        super().__init__(status)
        self.status = status
        self.last = last
        self.location = location


class Request:
    __slots__ = ("method", "path", "fields", "keep", "old")

    def __init__(self, head):
        """`head` is all up to the empty line. Raises Refused."""
        line, *lines = head.split(b"\r\n")
        self.method, target, major, minor = _request_line(line)
        if major != b"1":
            raise Refused(505, last=True)
        if len(lines) > MAX_FIELDS:
            raise Refused(431, last=True)
        self.fields = fields = _fields(lines)

        self.old = minor == b"0"
        tokens = {token.strip() for token in fields.get(b"connection", b"").lower().split(b",")}
        self.keep = b"keep-alive" in tokens if self.old else b"close" not in tokens
        if not HOST.fullmatch(fields.get(b"host", b"" if self.old else b"?")):
            raise Refused(400, last=True)
        if b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0":
            # A body is of no use to GET and HEAD: it is not read, so nothing can follow it.
            self.keep = False
            length = fields.get(b"content-length")
            if length is not None and (b"transfer-encoding" in fields
                                       or not re.fullmatch(rb"[0-9]+", length)):
                raise Refused(400, last=True)
        if self.method not in (b"GET", b"HEAD"):
            raise Refused(405, last=not self.keep)
        try:
            self.path = _path(target)
        except Refused as refused:
            refused.last = not self.keep
            raise


def _request_line(line):
    match = REQUEST_LINE.fullmatch(line)
    if match:
        return match.groups()
    if re.fullmatch(TOKEN + rb" [\x21-\x7e]+ HTTP/[0-9.]+", line):
        raise Refused(505, last=True)
    raise Refused(400, last=True)


def _fields(lines):
    fields = {}
    for line in lines:
        match = FIELD.fullmatch(line)
        if not match:
            raise Refused(400, last=True)
        name, value = match[1].lower(), match[2]
        if name not in fields:
            fields[name] = value
        elif name in ONCE:
            raise Refused(400, last=True)
        else:
            fields[name] += b", " + value
    return fields


def _path(target):
    """The target's path below the folder, decoded: "a/b", "a/" or ""."""
    absolute = ABSOLUTE.match(target)
    if absolute:
        target = target[absolute.end():] or b"/"
    path = target.partition(b"?")[0]
    if not path.startswith(b"/") or b"#" in path or BAD_ESCAPE.search(path):
        raise Refused(400)
    path = unquote_to_bytes(path)
    if b"\0" in path:
        raise Refused(400)
    # As they are after decoding, "%2e%2e%2f" included. Clients resolve dots before they ask
    # (RFC 3986, 5.2.4), so whoever sends them is up to something.
    parts = path.split(b"/")
    if b".." in parts:
        raise Refused(403)
    kept = [part for part in parts if part not in (b"", b".")]
    folder = parts[-1] in (b"", b".")
    return b"/".join(kept) + (b"/" if kept and folder else b"")


@functools.lru_cache(maxsize=1024)
def http_date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


def _not_modified(fields, modified):
    # Who also sends If-None-Match wants that to decide (RFC 9110, 13.1.3); we give no ETags.
    since = fields.get(b"if-modified-since")
    if since is None or b"if-none-match" in fields:
        return False
    try:
        return modified <= email.utils.parsedate_to_datetime(since.decode("latin-1")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return False  # what is no date is ignored


class Answer:
    """`data` (head, and body if it is small), then `file_size` bytes from the descriptor `file`,
    which whoever sends the answer closes. If `last`, the connection ends with it."""

    __slots__ = ("data", "file", "file_size", "last")

    def __init__(self, data, last, file=-1, file_size=0):
        self.data = data
        self.last = last
        self.file = file
        self.file_size = file_size

    def discard(self):
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


class Site:
    """What is served, and how: the same for all connections."""

    def __init__(self, folder, options):
        self.ending = False  # told to end: every answer is its connection's last
        self.timeout = options.timeout
        self.delay = options.delay / 1000
        self._folder = folder
        self._verbose = options.verbose
        self._shortages = Rarely()

    def answer(self, head):
        """To the request with this head."""
        request = None
        try:
            request = Request(head)
            answer = self._grant(request)
            self._log(head, answer)
            return answer
        except Refused as refused:
            if request is not None:
                refused.last = not request.keep
            return self.refusal(refused, head)

    def refusal(self, refused, head=b""):
        status = HTTPStatus(refused.status)
        body = f"{status} {status.phrase}\n".encode()
        lines = ["Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}"]
        if status == 405:
            lines.append("Allow: GET, HEAD")
        if refused.location is not None:
            lines.append(f"Location: {refused.location}")
        last = refused.last or self.ending
        if head.startswith(b"HEAD "):
            body = b""
        answer = Answer(_head(status, lines, last) + body, last)
        self._log(head, answer)
        return answer

    def _log(self, head, answer):
        if self._verbose:
            line = head.partition(b"\r\n")[0].decode("latin-1")
            log_line(f'"{line}" {answer.data[9:12].decode()}')

    def _grant(self, request):
        file = self._open(request.path)
        try:
            modified = min(int(file.modified), int(time.time()))
            lines = [f"Last-Modified: {http_date(modified)}"]
            last = not request.keep or self.ending
            if request.old and not last:
                lines.append("Connection: keep-alive")
            if _not_modified(request.fields, modified):
                return Answer(_head(HTTPStatus.NOT_MODIFIED, lines, last), last)
            lines.append(f"Content-Type: {file.kind}")
            size = file.size
            if request.method == b"HEAD":
                lines.append(f"Content-Length: {size}")
                return Answer(_head(HTTPStatus.OK, lines, last), last)
            if size > MAX_BODY_IN_MEMORY:
                lines.append(f"Content-Length: {size}")
                return Answer(_head(HTTPStatus.OK, lines, last), last, file.take(), size)
            body = os.read(file.descriptor, size)
            lines.append(f"Content-Length: {len(body)}")
            return Answer(_head(HTTPStatus.OK, lines, last) + body, last)
        except OSError as error:
            self._shortages.say(f"cannot read a file: {error.strerror}")
            raise Refused(500) from error
        finally:
            file.close()

    def _open(self, path):
        try:
            return self._folder.open(path)
        except OSError as error:
            # Descriptors have run out, or the disk fails: no fault of the client's.
            self._shortages.say(f"cannot open a file: {error.strerror}; raise the limit of open "
                                "files (ulimit -n) if they have run out")
            raise Refused(503) from error


def _head(status, lines, last):
    if last:
        lines.append("Connection: close")
    return (f"HTTP/1.1 {status.value} {status.phrase}\r\nDate: {http_date(int(time.time()))}\r\n"
            + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode("latin-1")


class Conversation:
    """What one client asks. Feed it what comes, and take the answers until there is none. After
    one that is `last`, whatever comes is to be thrown away."""

    __slots__ = ("_site", "_pending", "_searched", "_asking", "deadline")

    def __init__(self, site, state=None):
        self._site = site
        self._searched = 0  # so much of what is pending is known to hold no end of a head
        # Until when the client may take for its request, or to begin one (time.monotonic()).
        self.deadline, self._asking, self._pending = state or (self._from_now(), False, b"")

    def state(self):
        """To go on in another process, whose clock is the same."""
        return self.deadline, self._asking, self._pending

    @property
    def asking(self):
        """Part of a request has come."""
        return bool(self._pending)

    def feed(self, data):
        self._pending = self._pending + data if self._pending else data

    def next_answer(self):
        """To the first whole request; None if there is none yet."""
        pending = self._pending
        if pending.startswith(b"\r\n"):
            pending = self._pending = pending[EMPTY_LINES.match(pending).end():]
        if not pending:
            self._asking = False
            return None
        end = pending.find(b"\r\n\r\n", max(0, self._searched - 3))
        try:
            _check_size(pending, end)
        except Refused as refused:
            self._pending = b""
            return self._site.refusal(refused)
        if end < 0:
            self._searched = len(pending)
            if not self._asking:
                self._asking = True
                self.deadline = self._from_now()
            return None
        self._searched = 0
        self._asking = False
        self._pending = pending[end + 4:]
        self.deadline = self._from_now()
        return self._site.answer(pending[:end])

    def timed_out(self):
        """The answer to a client that took too long; None if it asked for nothing."""
        if not self._pending:
            return None
        self._pending = b""
        return self._site.refusal(Refused(408, last=True))

    def _from_now(self):
        return time.monotonic() + self._site.timeout


def _check_size(pending, end):
    """Whether what has come can still become a request: its size, and how its first line ends."""
    line_end = pending.find(b"\n", 0, MAX_REQUEST_LINE + 2)
    if line_end < 0 and len(pending) > MAX_REQUEST_LINE:
        raise Refused(414, last=True)
    if line_end >= 0 and pending[line_end - 1:line_end] != b"\r":
        raise Refused(400, last=True)
    if end > MAX_HEAD or end < 0 and len(pending) > MAX_HEAD:
        raise Refused(431, last=True)
