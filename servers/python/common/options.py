"""What did the user ask for on the command line? The same options as the C++ servers have."""

import argparse
import os
import re
import socket
import sys

from common.program import NAME, log_line

FOOTER = f"""\
When it is ready it prints one line, with the port it really has, and nothing else:
  {NAME} listening on 127.0.0.1:43211
Warnings and errors go to stderr.

SIGINT (Ctrl-C) and SIGTERM end it: it accepts no more clients, serves those it has until they leave
or --grace is over, and exits with 0. A second signal ends it at once.
The soft limit of open files is raised to the hard one (ulimit -Hn): a client takes one.

Exit codes: 0 ended by a signal; 1 it could not start or go on; 2 wrong usage.
"""

ECHO = "Sends every client back what it sends."
HTTP = ("Answers GET and HEAD over HTTP/1.1 with the files of a folder. When told to end, it "
        "closes the\nconnections that have asked for nothing, and answers the others once more.")

HTTP_PORT = 8085
DEFAULT_FOLDER = os.path.realpath(os.path.join(os.path.realpath(__file__), "../../../www"))


class Parser(argparse.ArgumentParser):
    def error(self, message):
        log_line(f"{message}; see {NAME} --help")
        sys.exit(2)


def number_between(kind, low, high):
    """An argparse type: a number that is in this range, both bounds included."""
    form, what = {int: (r"-?[0-9]+", "whole number"), float: (r"[0-9.eE+-]+", "number")}[kind]

    def parse(text):
        try:
            if re.fullmatch(form, text) and low <= kind(text) <= high:
                return kind(text)
        except ValueError:  # "1.2.3"; thousands of digits
            pass
        raise argparse.ArgumentTypeError(f'"{text}" is not a {what} from {low} to {high}')

    return parse


def max_backlog():
    """The kernel's upper bound on a backlog."""
    try:
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as limit:
            return int(limit.read())
    except (OSError, ValueError):
        return socket.SOMAXCONN


def parser(about, protocol=ECHO, port=0):
    """A parser of what every server understands; a model may add to it."""
    made = Parser(prog=NAME, description=f"{protocol}\n{about.strip()}", epilog=FOOTER,
                  formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    made.add_argument("-p", "--port", type=number_between(int, 0, 65535), default=port,
                      metavar="PORT",
                      help="TCP port; 0 takes a free one and prints it [%(default)s]")
    made.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS",
                      help="address to listen on, IPv4 or IPv6 (::1) [%(default)s]")
    made.add_argument("--backlog", type=number_between(int, 1, 2**31 - 1), default=max_backlog(),
                      metavar="N",
                      help="connections that may wait to be accepted; the kernel allows no more "
                           "than net.core.somaxconn, the default [%(default)s]")
    made.add_argument("--grace", type=number_between(float, 0, 86400), default=2.0,
                      metavar="SECONDS",
                      help="how long clients have to finish once it is told to end [%(default)g]")
    return made


def http_parser(about):
    made = parser(about, HTTP, HTTP_PORT)
    made.add_argument("-f", "--folder", default=DEFAULT_FOLDER, metavar="FOLDER",
                      help="what is served; / is its index.html [one small page]")
    made.add_argument("-d", "--delay", type=number_between(int, 0, 3_600_000), default=0,
                      metavar="MS",
                      help="wait so many milliseconds before each answer, as if it were work "
                           "[%(default)s]")
    made.add_argument("-v", "--verbose", action="store_true",
                      help="write a line per answer to stderr")
    made.add_argument("--timeout", type=number_between(float, 0.05, 3600), default=10.0,
                      metavar="SECONDS",
                      help="how long a client may take for a request, for taking some of an "
                           "answer, or say nothing [%(default)g]")
    return made


def add_workers(made, what, default):
    made.add_argument("--workers", type=number_between(int, 1, 1024), default=default, metavar="N",
                      help=f"how many {what} serve requests [%(default)s]")
