"""Ports on this machine."""

from __future__ import annotations

import contextlib
import secrets
import socket
from typing import Final

#: Below the ports of outgoing connections (Linux: from 32768 on). Such a port may be taken before the server listens on it, and
#: a client that connects to it meanwhile may even be connected with itself.
_PORTS: Final = range(20_000, 32_000)


def free_port() -> int:
    """A port without a listener, which no outgoing connection takes before a server listens on it."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
