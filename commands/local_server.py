"""A small HTTP server on loopback, in a thread of its own."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from errors import SettingsError

_HOST: Final = "127.0.0.1"


class LocalServer:
    """Answers by `handler`; `port` is the real port where 0 was asked for. A context manager.

    Raises SettingsError if the port is taken; `setting` is its name.
    """

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int, *, setting: str) -> None:
        try:
            self._server = ThreadingHTTPServer((_HOST, port), handler)
        except OSError as error:
            raise SettingsError(
                f"port {port} is taken: set {setting} to another port, or to 0 for any free port ({error.strerror})"
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="pages", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
