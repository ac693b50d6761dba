"""What a refusal leaves behind: nothing that stands in the way of a better request."""

from __future__ import annotations

import pytest

from optimizer.web import create_app
from optimizer.web.app import close_app
from optimizer.web.jobs import Jobs, SameIdError
from tests.made.market import TICKERS, made_bars, made_rows, write_state

BARS = made_bars()
REQUEST = {
    "start_date": BARS["AAA"].first_date.isoformat(), "end_date": BARS["AAA"].last_date.isoformat(), "risk_free_rate": 0.02,
    "tickers": list(TICKERS), "request_id": "req_1",
}  # fmt: skip


@pytest.fixture
def client(settings):
    write_state(settings.state_dir, BARS, made_rows(BARS).values())
    app = create_app(settings)
    yield app.test_client()
    close_app(app)


def stream(client) -> str:
    return client.get("/api/progress-stream/req_1").text


def test_an_id_whose_request_was_refused_takes_a_better_one(client):
    for changes, sentence in (({"tickers": []}, "must be provided"), ({"end_date": "soon"}, "end_date")):
        assert client.post("/api/optimize-portfolio", json=REQUEST | changes).status_code == 400
        told = stream(client)
        assert told.startswith("event: error")
        assert sentence in told
    assert client.post("/api/optimize-portfolio", json=REQUEST).status_code == 200
    assert "event: complete" in stream(client)


def test_a_wrong_request_under_an_id_that_is_done_leaves_the_result(client):
    assert client.post("/api/optimize-portfolio", json=REQUEST).status_code == 200
    result = stream(client).rpartition("event: ")[2]
    assert client.post("/api/optimize-portfolio", json=REQUEST | {"tickers": []}).status_code == 400
    assert stream(client).rpartition("event: ")[2] == result
    assert result.startswith("complete")
    assert client.post("/api/optimize-portfolio", json=REQUEST | {"risk_free_rate": 0.01}).status_code == 409


def test_a_stream_that_listens_while_its_request_is_refused_ends_and_the_id_is_free(closing):
    jobs = closing(Jobs(1, ttl_seconds=300, heartbeat_seconds=1))
    early = jobs.follow("a")
    assert next(early)["type"] == "progress"
    jobs.refuse("a", "no tickers")
    assert list(early) == [{"type": "error", "message": "no tickers"}]
    assert jobs.start("a", 1, lambda _: "result", str)
    assert list(jobs.follow("a"))[-1]["result"] == "result"
    with pytest.raises(SameIdError):
        jobs.start("a", 2, lambda _: "other", str)


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/", 404, "there is nothing at /: this service optimizes portfolios"),
        ("GET", "/api/nothing", 404, "there is nothing at /api/nothing: this service optimizes portfolios"),
        ("DELETE", "/healthz", 405, "/healthz takes GET or HEAD or OPTIONS, not DELETE"),
    ],
)
def test_what_there_is_not_is_named(client, method, path, status, sentence):
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.json["error"].startswith(sentence)


def test_a_path_of_any_length_is_told_briefly(client):
    assert len(client.get("/" + "x" * 5_000).json["error"]) < 300
