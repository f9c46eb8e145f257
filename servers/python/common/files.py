"""Which file does a path below the folder name? No path leads out of the folder."""

import errno
import mimetypes
import os
import stat
from urllib.parse import quote

from common.http import Refused
from common.program import Failure

INDEX = b"index.html"

# As RFC 9110, 15.5 has it: what the client may not see, and what is not there.
STATUS = {
    errno.EACCES: 403, errno.EPERM: 403,
    errno.ENOENT: 404, errno.ENOTDIR: 404, errno.ENAMETOOLONG: 404, errno.ELOOP: 404,
    errno.ENXIO: 404,  # a device or socket
}


class File:
    __slots__ = ("descriptor", "size", "modified", "kind")

    def __init__(self, descriptor, status, kind):
        self.descriptor = descriptor
        self.size = status.st_size
        self.modified = status.st_mtime
        self.kind = kind

    def take(self):
        """The descriptor, which the caller now owns."""
        taken, self.descriptor = self.descriptor, -1
        return taken

    def close(self):
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Folder:
    def __init__(self, path):
        try:
            self._descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            self._prefix = self._own_prefix()
        except OSError as error:
            raise Failure.from_error(f"serve the folder {path}", error,
                                     "--folder takes a folder with files to serve") from error
        # Not the machine's own tables: the same file has the same type everywhere.
        self._types = mimetypes.MimeTypes(filenames=())
        self._kinds = {}

    def open(self, path):
        """Opens "a/b"; of "a/" or "" the index. Raises Refused, or OSError where neither the
        client nor the folder is at fault."""
        name = path + INDEX if not path or path.endswith(b"/") else path
        try:
            # A FIFO would block without O_NONBLOCK, a terminal become ours without O_NOCTTY.
            descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC,
                                 dir_fd=self._descriptor)
        except OSError as error:
            if error.errno in STATUS:
                raise Refused(STATUS[error.errno]) from error
            raise
        try:
            return self._opened(descriptor, name)
        except BaseException:
            os.close(descriptor)
            raise

    def _opened(self, descriptor, name):
        # A link may have led anywhere. What was opened is asked for its own path, so there is no
        # moment in which another could be put in its place.
        where = _path_of(descriptor)
        if not where.startswith(self._prefix):
            self._prefix = self._own_prefix()  # the folder itself may have been moved
            if not where.startswith(self._prefix):
                raise Refused(403)
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            # Its parts are not empty, so this cannot become "//", which names another host.
            raise Refused(301, location=f"/{quote(name)}/")
        if not stat.S_ISREG(status.st_mode):
            raise Refused(404)
        return File(descriptor, status, self._kind(name))

    def _kind(self, name):
        suffix = os.path.splitext(name)[1]
        kind = self._kinds.get(suffix)
        if kind is None:
            guessed, encoding = self._types.guess_type("x" + os.fsdecode(suffix))
            kind = "application/octet-stream" if encoding or not guessed else guessed
            if kind.startswith("text/"):
                kind += "; charset=utf-8"
            if len(self._kinds) < 1024:
                self._kinds[suffix] = kind
        return kind

    def _own_prefix(self):
        return _path_of(self._descriptor).rstrip(b"/") + b"/"


def _path_of(descriptor):
    return os.readlink(b"/proc/self/fd/%d" % descriptor)
