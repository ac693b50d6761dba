"""Ports on this machine."""

from __future__ import annotations

import contextlib
import secrets
import socket
from typing import Final

#: Below those that systems give to outgoing connections (Linux from 32768 on): one of them may be a client's before anybody
#: listens on it, and a client that asks for it meanwhile may even be connected with itself.
_PORTS: Final = range(20_000, 32_000)


def free_port() -> int:
    """A port that nothing listens on at the moment, and that no outgoing connection takes before it is listened on."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
