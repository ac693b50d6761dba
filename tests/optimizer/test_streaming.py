"""The newer client over a real socket: acknowledged at once, the result by server-sent events."""

from __future__ import annotations

import http.client
import json
import urllib.parse
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.made.market import TICKERS, made_bars, made_rows, write_state
from tests.optimizer.serving import Service
from tests.waiting import PATIENCE_SECONDS, until

BARS = made_bars()
REQUEST = {
    "start_date": BARS["AAA"].first_date.isoformat(), "end_date": BARS["AAA"].last_date.isoformat(), "risk_free_rate": 0.02,
    "target_return": None, "risk_tolerance": None, "tickers": list(TICKERS),
}  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("streaming") / "state"
    write_state(folder, BARS, made_rows(BARS).values())
    with Service(folder, HEARTBEAT_SECONDS="0.2", MAX_STREAMS="12") as running:
        yield running


class Stream:
    """What a browser's EventSource does: one GET, frames as they come."""

    def __init__(self, service: Service, request_id: str, **headers: str) -> None:
        address = urllib.parse.urlparse(service.url)
        self.connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE_SECONDS)
        self.connection.request("GET", f"/api/progress-stream/{request_id}", headers={"Accept": "text/event-stream", **headers})
        self.answer = self.connection.getresponse()

    def frames(self) -> Iterator[tuple[str, dict[str, Any]]]:
        while True:
            first = self.answer.readline()
            if not first:
                return
            second, blank = self.answer.readline(), self.answer.readline()
            assert first.startswith(b"event: ")
            assert second.startswith(b"data: ")
            assert blank == b"\n"
            yield first[7:].decode().strip(), json.loads(second[6:])

    def close(self) -> None:
        self.answer.close()
        self.connection.close()

    def end(self) -> list[tuple[str, dict[str, Any]]]:
        try:
            return list(self.frames())
        finally:
            self.close()


def new_id() -> str:
    return f"req_{uuid.uuid4().hex[:16]}"


def started(service: Service, request_id: str, **changes: Any) -> None:
    answer = service.post(REQUEST | {"request_id": request_id} | changes)
    assert answer.status == 200, answer
    assert answer.json == {"message": "Optimization started", "request_id": request_id}


def test_a_stream_opened_before_the_request_shows_progress_and_the_result(service):
    request_id = new_id()
    stream = Stream(service, request_id, Origin="http://localhost:5173")
    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
    assert stream.answer.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    frames = stream.frames()
    assert next(frames)[0] == "progress"
    started(service, request_id)
    rest = list(frames)
    stream.close()
    assert [kind for kind, _ in rest[:-1]] == ["progress"] * (len(rest) - 1)
    assert [data["progress"] for _, data in rest] == sorted(data["progress"] for _, data in rest)
    kind, data = rest[-1]
    assert kind == "complete"
    assert {k: data[k] for k in ("type", "progress", "message")} == {
        "type": "complete", "progress": 100, "message": "Optimization complete",
    }  # fmt: skip
    assert data["result"] == service.post(REQUEST).json


def test_a_stream_opened_after_the_end_gets_the_result_and_so_does_a_reconnect(service):
    request_id = new_id()
    started(service, request_id)
    first = Stream(service, request_id).end()
    for _ in range(3):
        assert Stream(service, request_id).end()[-1] == first[-1]
    assert first[-1][0] == "complete"


def test_several_streams_of_one_id_all_get_the_result(service):
    request_id = new_id()
    with ThreadPoolExecutor(5) as pool:
        ends = [pool.submit(lambda: Stream(service, request_id).end()) for _ in range(5)]
        started(service, request_id)
        results = [end.result(timeout=PATIENCE_SECONDS)[-1] for end in ends]
    assert all(result == results[0] and result[0] == "complete" for result in results)


def test_a_stream_that_is_left_and_taken_up_again_gets_the_result(service):
    request_id = new_id()
    left = Stream(service, request_id)
    next(left.frames())
    left.close()
    started(service, request_id)
    assert Stream(service, request_id).end()[-1][0] == "complete"


@pytest.mark.slow
def test_a_stream_without_a_request_ends_without_a_word_and_a_late_request_still_reaches_its_page(service):
    request_id = new_id()
    frames = Stream(service, request_id).end()
    # An error here would take the place of the reason that the page shows, had its request been refused.
    assert {data["message"] for _, data in frames} == {"Waiting for the request"}
    started(service, request_id)
    assert Stream(service, request_id).end()[-1][0] == "complete"


def test_the_last_progress_tells_what_the_result_rests_on_whenever_the_stream_is_opened(service):
    request_id = new_id()
    started(service, request_id)
    for _ in range(2):
        *_, progress, (kind, _) = Stream(service, request_id).end()
        assert kind == "complete"
        assert progress[1]["message"].startswith("6 of 6 tickers used, prices from 2020-01-01 to 2021-02-23, 6 by forecasts")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"target_return": 3}, "feasible range"), ({"tickers": ["ZZZ"]}, "Could not fetch any valid data for the given tickers")],
)
def test_errors_of_the_optimization_come_as_an_event(service, changes, message):
    request_id = new_id()
    started(service, request_id, **changes)
    kind, data = Stream(service, request_id).end()[-1]
    assert kind == data["type"] == "error"
    assert message in data["message"]


def test_a_request_that_is_wrong_is_refused_at_once_and_its_stream_ends_too(service):
    request_id = new_id()
    stream = Stream(service, request_id)
    next(stream.frames())
    answer = service.post(REQUEST | {"request_id": request_id, "tickers": []})
    assert answer.status == 400
    assert answer.json["error"] == "Either ticker_group or tickers must be provided."
    assert stream.end()[-1] == ("error", {"type": "error", "message": answer.json["error"]})


@pytest.mark.parametrize("listens_first", [True, False])
@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        ('{"tickers": ["AAA", "%s"], "request_id": "%s"}', "application/json", 413, "the body is too large: at most 1,000,000"),
        ('{"request_id": "%.0s%s", "tickers": ["%.1000001s"]}', "application/json", 413, "the body is too large"),
        ('{"tickers": "%.0s" "request_id": "%s"}', "application/json", 400, "the body is not valid JSON"),
        ('{"tickers": "%.0s", "request_id": "%s"}', "text/plain", 415, "the body must be JSON"),
        ('{"tickers": "%.0s", "request_id": "%s"}', "application/json", 400, "Either ticker_group or tickers"),
    ],
)
def test_the_stream_of_a_refused_request_ends_with_its_own_reason(service, body, kind, status, message, listens_first):
    request_id, filling = new_id(), "x" * 1_000_000
    sent = body % ((filling, request_id) if body.count("%") == 2 else (filling, request_id, filling))
    stream = Stream(service, request_id) if listens_first else None
    if stream:
        next(stream.frames())
    answer = service.request("POST", "/api/optimize-portfolio", sent.encode(), Content_Type=kind)
    assert answer.status == status
    assert message in answer.json["error"]
    (end,) = [data for name, data in (stream or Stream(service, request_id)).end() if name != "progress"]
    assert end == {"type": "error", "message": answer.json["error"]}


def test_of_six_streams_of_one_browser_the_oldest_lets_a_request_through(service):
    await_no_stream(service)
    browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0"}
    ids = [new_id() for _ in range(6)]
    streams = [Stream(service, request_id, **browser) for request_id in ids]
    other = Stream(service, new_id(), **{"User-Agent": "Mozilla/5.0 Firefox/140.0"})
    assert {data["message"] for _, data in streams[0].end()} <= {"Waiting for the request"}
    assert b"progress_streams 6.0" in service.get("/metrics").body
    # As the browser does it: opened again, and the result is there.
    started(service, ids[0])
    assert Stream(service, ids[0], **browser).end()[-1][0] == "complete"
    for stream in (*streams[1:], other):
        stream.close()


def test_the_same_request_again_changes_nothing_and_another_one_under_its_id_is_refused(service):
    request_id = new_id()
    started(service, request_id)
    started(service, request_id)
    assert service.post(REQUEST | {"request_id": request_id, "risk_free_rate": 0.01}).status == 409
    assert Stream(service, request_id).end()[-1][0] == "complete"


@pytest.mark.parametrize("request_id", [5, True, ["a"], "a b", "x" * 200, "ä"])
def test_an_id_that_is_none_is_refused(service, request_id):
    answer = service.post(REQUEST | {"request_id": request_id})
    assert answer.status == 400
    assert "request_id" in answer.json["error"]


@pytest.mark.parametrize("request_id", [None, ""])
def test_without_an_id_the_answer_is_the_result(service, request_id):
    assert "weights" in service.post(REQUEST | {"request_id": request_id}).json


def test_streams_that_are_left_are_freed(service):
    await_no_stream(service)  # of the tests before
    ids = [new_id() for _ in range(12)]
    streams = [Stream(service, request_id) for request_id in ids]
    for stream in streams:
        next(stream.frames())
    refused = service.get(f"/api/progress-stream/{new_id()}")
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "1"
    for stream in streams:
        stream.close()
    await_no_stream(service)


def await_no_stream(service: Service) -> None:
    until(lambda: b"progress_streams 0.0" in service.get("/metrics").body)
