"""The example for nginx, under a real one: this service and the page's other back end at one address."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.made.market import made_bars, made_rows, write_state
from tests.optimizer.serving import Service
from tests.optimizer.test_streaming import REQUEST, Stream, new_id, started
from tests.tools import find_program
from tests.waiting import PATIENCE_SECONDS, until

EXAMPLE = ROOT / "docs" / "nginx.conf"
PAGE = "http://localhost:5173"


class OtherBackEnd(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.dumps({"other": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Proxied(Service):
    """A service as clients see it through the proxy."""

    def __init__(self, state: Path, port: int) -> None:
        super().__init__(state)
        self.own_port = self.port
        self.url = f"http://127.0.0.1:{port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Proxied]:
    advice = "on Debian by `apt-get install nginx-light`"
    program = find_program("nginx", "/usr/sbin/nginx", required_by="REQUIRE_NGINX", advice=advice)
    folder: Path = tmp_path_factory.mktemp("proxy")
    bars = made_bars()
    write_state(folder / "state", bars, made_rows(bars).values())
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtherBackEnd)
    thread = threading.Thread(target=other.serve_forever, args=(0.05,))
    thread.start()
    with Proxied(folder / "state", free_port()) as running:
        text = EXAMPLE.read_text()
        for there, here in ((5000, running.port), (5001, running.own_port), (5002, other.server_address[1])):
            assert text.count(f"127.0.0.1:{there};") == 1
            text = text.replace(f"127.0.0.1:{there};", f"127.0.0.1:{here};")
        written = "".join(f"{name}_temp_path {folder / name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(text.replace("http {", f"http {{ access_log off; {written}"))
        user = "user root;" if os.geteuid() == 0 else ""
        options = f"daemon off; pid {folder / 'pid'}; error_log {folder / 'error.log'}; {user}"
        nginx = subprocess.Popen([program, "-e", folder / "error.log", "-c", folder / "nginx.conf", "-g", options])
        try:
            until(lambda: nginx.poll() is not None or listens(running.port), (folder / "error.log").read_text)
            assert nginx.poll() is None, (folder / "error.log").read_text()
            yield running
        finally:
            nginx.terminate()
            nginx.wait(PATIENCE_SECONDS)
            other.shutdown()
            thread.join()
            other.server_close()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_optimizer_s_paths_arrive_here_and_all_others_there(service):
    assert service.post(REQUEST).json["coverage"] == {"requested": 6, "used": 6}
    assert len(service.get("/api/forecasts").json["forecasts"]) == 6
    assert service.get("/api/forecasts/AAA").json["ticker"] == "AAA"
    assert service.get("/api/openapi.json").json["openapi"]
    for path in ("/get-data", "/analyze-hedge", "/financial-statement", "/api/stock-screener", "/api/benchmark-portfolio"):
        assert service.request("POST", path, {}).json == {"other": path}


def test_a_stream_says_at_once_what_happens(service):
    request_id = new_id()
    stream = Stream(service, request_id, Origin=PAGE)
    assert stream.answer.headers["Access-Control-Allow-Origin"] == PAGE
    frames = stream.frames()
    # It arrives although nothing further is sent: no buffer holds it back.
    assert next(frames)[1]["message"] == "Waiting for the request"
    started(service, request_id)
    assert list(frames)[-1][0] == "complete"
    stream.close()


def test_a_page_may_read_why_its_request_is_refused(service):
    answer = service.post(b" " * 1_500_000, Origin=PAGE)
    assert answer.status == 413
    assert "at most 1,000,000 bytes" in answer.json["error"]
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
