"""Names, framing and preflights: what a stranger's page or proxy may try."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.made.market import made_bars, made_rows, write_state
from tests.optimizer.serving import Service
from tests.waiting import PATIENCE_SECONDS

BARS = made_bars(("AAA", "BBB"))
PAGE = "http://localhost:5173"


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("access") / "state"
    write_state(folder, BARS, made_rows(BARS).values())
    with Service(folder, ALLOWED_HOSTS="127.0.0.1,localhost,[::1],optimizer.example") as running:
        yield running


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost", 200),
        ("LOCALHOST.:80", 200),
        ("[::1]:5000", 200),
        ("optimizer.example", 200),
        ("evil.com", 421),
        ("localhost.evil.com", 421),
        ("127.0.0.1.evil.com:{port}", 421),
        ("[::2]", 421),
        ("localhost:80:x", 421),
        ("x" * 5000, 421),
    ],
)
def test_it_answers_only_under_its_own_names(service, host, status):
    answer = service.get("/api/forecasts", Host=host.format(port=service.port))
    assert answer.status == status
    assert len(answer.body) < 300 or status == 200
    if status == 421:
        assert "ALLOWED_HOSTS" in answer.json["error"]


def raw(service: Service, head: bytes, body: bytes) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    return int(answer.split(b" ", 2)[1]), answer.split(b"\r\n\r\n", 1)[1]


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_two_lengths_of_one_body_are_refused(service, version):
    head = b"POST /api/optimize-portfolio HTTP/%s\nHost: localhost\nContent-Type: application/json" % version
    chunked = b"2\r\n{}\r\n0\r\n\r\n"
    status, body = raw(service, head + b"\nContent-Length: 2\nTransfer-Encoding: chunked", chunked)
    assert status == 400
    assert "Content-Length and Transfer-Encoding" in json.loads(body)["error"]
    assert raw(service, head + b"\nContent-Length: 2", b"{}")[0] == 400
    assert b"must be provided" in raw(service, head + b"\nContent-Length: 2", b"{}")[1]


def test_a_page_reads_why_there_is_nothing_at_a_path_of_another_back_end(service):
    for path in ("/get-data", "/analyze-hedge", "/financial-statement", "/api/stock-screener", "/api/benchmark-portfolio"):
        preflight = service.request("OPTIONS", path, Origin=PAGE, Access_Control_Request_Method="POST")
        assert preflight.status == 200
        assert preflight.headers["Access-Control-Allow-Origin"] == PAGE
        assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
        answer = service.request("POST", path, {}, Origin=PAGE)
        assert answer.status == 404
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert f"there is nothing at {path}: this service optimizes portfolios" in answer.json["error"]
    assert service.request("OPTIONS", "/get-data", Origin="http://evil.com").headers.get("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize(("origin", "may_read"), [(PAGE, True), ("http://127.0.0.1:3000", True), ("http://evil.com", False)])
def test_a_page_reads_why_a_body_beyond_any_measure_was_refused(service, origin, may_read):
    head = f"POST /api/optimize-portfolio HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nContent-Length: 100000001\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head.encode())
        answer = connection.makefile("rb").read()
    headers, body = answer.split(b"\r\n\r\n", 1)
    assert headers.startswith(b"HTTP/1.1 413 ")
    assert (f"Access-Control-Allow-Origin: {origin}".encode() in headers) is may_read
    assert json.loads(body)["error"] == "the body is too large: at most 1,000,000 bytes are taken"
