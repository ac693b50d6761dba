"""Pages of a process on loopback, in a thread of its own: health and metrics, for people and for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple

from commands.local_server import LocalServer


class Page(NamedTuple):
    """What a page answers."""

    status: int
    content_type: str
    body: bytes


class Pages(LocalServer):
    """Answers GET under the paths of `pages`; `port` is the real one where 0 was asked for. A context manager.

    Raises SettingsError as `LocalServer`.
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

        super().__init__(Handler, port, setting=setting)
