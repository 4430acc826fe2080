"""Writes down, in every Python process of a host, each name it looks up and each address it connects or sends to."""

import os
import sys

LOG = os.environ["TWITCHBAYES_BROWSER_WATCH"]


def _kept(event, arguments):
    if event in {"socket.connect", "socket.sendto"}:
        where = arguments[1]
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        where = arguments[:1]
    else:
        return
    # A path, or nothing, is of this machine.
    if isinstance(where, tuple) and where[0]:
        with open(LOG, "a", encoding="utf-8") as log:
            log.write(f"{where[0]}\n")


sys.addaudithook(_kept)
