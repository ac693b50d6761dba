"""A real browser, without a window: it opens pages that this machine serves, and the pages report back."""

from __future__ import annotations

import http.server
import json
import queue
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any, Final

from commands.local_server import LocalServer
from tests.waiting import PATIENCE_SECONDS

PAGES: Final = Path(__file__).parent / "pages"
HOW_TO_GET_ONE: Final = "install Chromium, on Debian by `apt-get install chromium`"
NAMES: Final = ("chromium", "chromium-browser", "google-chrome")


class PageServer(LocalServer):
    """Serves `pages` on a free port of loopback and takes what they POST, as JSON, to their own origin."""

    def __init__(self) -> None:
        reports = self._reports = queue.Queue[Any]()

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=PAGES)

            def do_POST(self) -> None:
                reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(Handler, 0, setting="0")

    def report(self, seconds: float) -> Any:
        """The next report; queue.Empty if none comes in time."""
        return self._reports.get(timeout=seconds)


class Browser:
    """Opens pages under the addresses of the real pages: `hosts` says which port of loopback stands behind each."""

    def __init__(self, program: str, folder: Path, hosts: dict[str, int]) -> None:
        rules = ", ".join(f"MAP {host} 127.0.0.1:{port}" for host, port in hosts.items())
        self._command = [
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder / 'profile'}",
            f"--host-resolver-rules={rules}",
        ]  # fmt: skip
        self._log = folder / "browser.log"

    def report_of(self, pages: PageServer, address: str, seconds: float = PATIENCE_SECONDS, **query: str) -> Any:
        """What the page at `address` reports to the server of the pages."""
        url = f"{address}?{urllib.parse.urlencode(query)}"
        with self._log.open("a") as log:
            process = subprocess.Popen([*self._command, url], stdout=log, stderr=log, start_new_session=True)
        try:
            return pages.report(seconds)
        except queue.Empty:
            raise AssertionError(f"no report from {url} within {seconds:g} s:\n{self._log.read_text()[-2000:]}") from None
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
