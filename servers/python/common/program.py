"""How does a server start, fail and end? What every script does around its model."""

import importlib
import os
import resource
import signal
import sys

# Ctrl-C while modules are still being loaded ends the process, without Python's traceback. Also
# undoes a shell's ignoring SIGINT for its background jobs.
signal.signal(signal.SIGINT, signal.SIG_DFL)

NAME = os.path.basename(sys.argv[0])


class Failure(Exception):
    """The server cannot start or go on; the text is the whole line for the user. Exit code 1."""

    @classmethod
    def from_error(cls, operation, error, remedy=""):
        return cls(failure_text(operation, error, remedy))


def failure_text(operation, error, remedy=""):
    """For an OSError, or an errno."""
    number = error if isinstance(error, int) else error.errno
    return f"cannot {operation}: {os.strerror(number)}{'; ' if remedy else ''}{remedy}"


def log_line(text):
    """Writes one line to stderr in one write(2), so that lines of several processes do not mix."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    try:
        os.write(2, f"{NAME}: {line}\n".encode(errors="backslashreplace"))
    except OSError:
        pass  # nowhere is left to complain


def announce(listener):
    """Prints the one line on stdout; whoever started the server waits for it."""
    try:
        os.write(1, f"{NAME} listening on {listener.address()}\n".encode())
    except OSError as error:
        log_line(failure_text('print "listening on ..." on stdout', error,
                              "serving all the same"))


def require(module, package):
    """Imports a module that is not Python's own."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == module
        why = "it is not installed" if missing else str(error)
        raise Failure(f"cannot load the Python module {module}: {why}; "
                      f"install the Debian package {package}") from error


def run(serve):
    """Calls serve() and ends the process: with 0, or with 1 and one line. Does not return."""
    code = 0
    try:
        raise_file_limit()
        serve()
    except Failure as failure:
        log_line(str(failure))
        code = 1
    # Not sys.exit(): clients that have used up their time may still be in the hands of threads,
    # for which the interpreter's own end would wait, or which it would let run into its ruins.
    os._exit(code)


def raise_file_limit():
    # A soft limit of 1024 is for programs that use fd_set; none of ours does.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:
        log_line(f"cannot raise the limit of open files: {error}")
