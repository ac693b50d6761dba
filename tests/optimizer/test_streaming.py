"""The newer client over a real socket: acknowledged at once, the result by server-sent events."""

from __future__ import annotations

import http.client
import json
import threading
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
def test_an_unknown_id_ends_with_an_error(service):
    kind, data = Stream(service, new_id()).end()[-1]
    assert kind == data["type"] == "error"
    assert "Unknown request id" in data["message"]


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


def test_a_stream_ends_when_the_service_stops(tmp_path):
    write_state(tmp_path / "state", BARS, made_rows(BARS).values())
    with Service(tmp_path / "state") as running:
        stream = Stream(running, new_id())
        next(stream.frames())
        ended = threading.Thread(target=stream.end)
        ended.start()
        assert running.stop() == 0
        ended.join(timeout=PATIENCE_SECONDS)
        assert not ended.is_alive()
        assert "still running" not in running.log, "no thread had to be given up"
