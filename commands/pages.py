"""Pages of a process on loopback, in a thread of its own: health and metrics, for people and for Prometheus."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple, Self

from errors import SettingsError

logger = logging.getLogger(__name__)

_HOST: Final = "127.0.0.1"


class Page(NamedTuple):
    """What a page answers."""

    status: int
    content_type: str
    body: bytes


class Pages:
    """Answers GET under the paths of `pages`; `port` is the real one where 0 was asked for. A context manager.

    Raises SettingsError if the port is taken; `setting` is its name.
    """

    def __init__(self, port: int, pages: Mapping[str, Callable[[], Page]], *, setting: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = pages.get(self.path.partition("?")[0])
                found = Page(404, "text/plain", b"there is no such page\n") if page is None else page()
                self.send_response(found.status)
                self.send_header("Content-Type", found.content_type)
                self.send_header("Content-Length", str(len(found.body)))
                self.end_headers()
                self.wfile.write(found.body)

            def log_message(self, *_: object) -> None:
                """Nothing: a scrape every few seconds is no news."""

        try:
            self._server = ThreadingHTTPServer((_HOST, port), Handler)
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
