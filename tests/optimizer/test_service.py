"""What the service owes besides answers: who may call, how much at once, figures, log, description."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient

from monitoring.punctuality import weekdays_between
from optimizer.session import Session
from optimizer.web import close_app, create_app
from optimizer.web.jobs import Jobs, SameIdError
from optimizer.web.readiness import table_health
from settings import Settings
from tests.made.clocks import Clock
from tests.made.market import TICKERS, later, made_bars, made_rows, row, trained_row, write_state
from tests.optimizer.serving import Service
from tests.optimizer.test_provider import frame_of
from tests.waiting import PATIENCE_SECONDS, until

BARS = made_bars()
REQUEST = {
    "start_date": BARS["AAA"].first_date.isoformat(), "end_date": BARS["AAA"].last_date.isoformat(), "risk_free_rate": 0.02,
    "tickers": list(TICKERS),
}  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service") / "state"
    stale = row("FFF", BARS["FFF"], as_of=later(BARS["FFF"], -40))
    write_state(folder, BARS, (made_rows(BARS) | {"FFF": stale}).values())
    with Service(folder, API_TOKEN="s3cret") as running:
        yield running


TOKEN = {"Authorization": "Bearer s3cret"}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1:3000", True),
        ("http://127.0.0.1.evil.com", False),
        ("http://127.0.0.1:80.evil.com", False),
        ("http://localhost:51730", False),
        ("https://localhost:5173", False),
        ("null", False),
    ],
)
def test_only_known_pages_may_call(service, origin, allowed):
    for path in ("/api/progress-stream/x", "/api/optimize-portfolio", "/api/forecasts"):
        answer = service.request("OPTIONS", path, Origin=origin)
        assert answer.status == 200
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
        if allowed:
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]
            assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert ("Access-Control-Allow-Origin" in service.get("/api/forecasts", Origin=origin, **TOKEN).headers) is allowed
    assert ("Access-Control-Allow-Origin" in service.get("/api/nothing", Origin=origin).headers) is allowed


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}, {"Authorization": "Bearer ü"}]
)
def test_where_a_token_is_set_the_interface_needs_it_and_health_does_not(service, headers):
    if all(value.isascii() for value in headers.values()):
        answer = service.get("/api/forecasts", **headers)
        assert answer.status == 401
        assert answer.json["error"]
    assert service.get("/healthz").status == service.get("/readyz").status == service.get("/metrics").status == 200
    assert service.get("/api/forecasts", **TOKEN).status == 200


def test_readiness_tells_the_newest_bar_and_how_much_is_fresh(service):
    health = service.get("/readyz").json
    assert health["newest_as_of"] == BARS["AAA"].last_date.isoformat()
    assert health["fresh_share"] == pytest.approx(5 / 6)
    figures = service.get("/metrics").body.decode()
    assert "tidecast_served_rows 6.0" in figures
    assert "tidecast_service_ready 1.0" in figures
    assert re.search(r"process_resident_memory_bytes \d", figures)


def test_readiness_tells_how_old_the_newest_bar_is(settings):
    write_state(settings.state_dir, BARS, made_rows(BARS).values())
    with Session.open(settings) as session:
        for age in (0, 1, 3500):
            assert table_health(session, later(BARS["AAA"], age))["age_sessions"] == age
        assert table_health(session, dt.date(1999, 1, 1))["age_sessions"] == 0
        app = create_app(settings, session=session)
        age = weekdays_between(BARS["AAA"].last_date, dt.datetime.now(dt.UTC).date())
        # Midnight may pass meanwhile.
        assert app.test_client().get("/readyz").json["age_sessions"] in (age, age + 1)
        close_app(app)


def test_a_young_ticker_that_pooling_serves_is_fresh(settings):
    bars = made_bars(count=600, young={"FFF": 60})
    write_state(settings.state_dir, bars, [trained_row(ticker, held) for ticker, held in bars.items()])
    with Session.open(settings) as session:
        assert table_health(session, bars["AAA"].last_date)["fresh_share"] == 1.0


def test_an_empty_or_missing_state_is_not_ready(tmp_path):
    with Service(tmp_path / "state") as running:
        assert running.get("/readyz").status == 503
        assert running.get("/readyz").json["reason"]
        assert running.get("/metrics").status == 200


def test_the_log_has_a_line_for_each_request_and_no_secret(service):
    service.post(REQUEST, **TOKEN)
    service.get("/api/forecasts/a%0Alevel=ERROR%20forged?token=hidden", **TOKEN)
    # It is written after the answer.
    line = r"event=access method=POST path=/api/optimize-portfolio status=200 bytes=\d+ ms=[\d.]+ peer=127\.0\.0\.1\n"
    until(lambda: re.search(line, service.log) and "forged" in service.log, lambda: service.log)
    assert "s3cret" not in service.log
    assert "hidden" not in service.log
    assert not any(line.startswith("level=ERROR forged") for line in service.log.splitlines())


@pytest.fixture
def blocking(settings: Settings) -> Iterator[tuple[FlaskClient, threading.Event, threading.Event]]:
    """A client of an application with room for one optimization, whose provider waits."""
    asked, released = threading.Event(), threading.Event()

    def wait(tickers, start, end, timeout):
        asked.set()
        released.wait(timeout=PATIENCE_SECONDS)
        return frame_of(list(tickers))

    write_state(settings.state_dir, BARS, made_rows(BARS).values())
    chosen = settings.model_copy(update={"max_optimizations": 1, "provider_deadline_seconds": PATIENCE_SECONDS})
    with Session.open(chosen, download=wait) as session:
        app = create_app(chosen, session=session)
        yield app.test_client(), asked, released
        released.set()
        close_app(app)


def test_beyond_so_many_at_once_the_answer_is_to_come_back(blocking):
    client, asked, released = blocking
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(
            client.application.test_client().post, "/api/optimize-portfolio", json=REQUEST | {"tickers": ["XXX", "AAA"]}
        )
        assert asked.wait(timeout=PATIENCE_SECONDS)
        for body in (REQUEST, REQUEST | {"request_id": "req_1"}):
            refused = client.post("/api/optimize-portfolio", json=body)
            assert refused.status_code == 429
            assert refused.headers["Retry-After"] == "1"
            assert refused.json["error"]
        # The page keeps the reason: its stream ends with it.
        assert refused.json["error"] in client.get("/api/progress-stream/req_1").text
        assert client.get("/healthz").status_code == 200
        released.set()
        assert slow.result(timeout=PATIENCE_SECONDS).status_code == 200
    assert client.post("/api/optimize-portfolio", json=REQUEST).status_code == 200


def test_a_failure_of_our_own_tells_the_caller_nothing_of_our_insides(settings, caplog):
    class Broken:
        def all(self):
            raise RuntimeError("/secret/path")

        get_many = unreadable = lambda self, *_: self.all()

        def close(self):
            pass

    app = create_app(settings, reader=Broken())
    answer = app.test_client().get("/api/forecasts")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.json["error"]
    assert "/secret/path" in caplog.text
    close_app(app)


def test_results_are_forgotten_after_their_time_and_never_pile_up(closing):
    clock = Clock()
    jobs = closing(Jobs(2, ttl_seconds=300, heartbeat_seconds=1, clock=clock))
    for number in range(50):
        jobs.start(f"r{number}", number + 1, lambda _: {"weights": {}}, str)
        assert list(jobs.follow(f"r{number}"))[-1]["type"] == "complete"
    assert len(jobs) == 50
    clock.now = 299
    assert list(jobs.follow("r0"))[-1]["type"] == "complete"
    clock.now = 301
    jobs.start("last", 1, lambda _: {}, str)
    list(jobs.follow("last"))
    assert len(jobs) == 1
    with pytest.raises(SameIdError):
        jobs.start("last", 2, lambda _: {}, str)


def test_a_job_that_fails_in_any_way_ends_its_stream(closing):
    jobs = closing(Jobs(1, ttl_seconds=300, heartbeat_seconds=1))
    jobs.start("a", 1, lambda _: 1 / 0, lambda error: f"told: {type(error).__name__}")
    assert list(jobs.follow("a"))[-1] == {"type": "error", "message": "told: ZeroDivisionError"}
