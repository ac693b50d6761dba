"""The HTTP interface over a real socket, as the older client uses it, and the look-ups."""

from __future__ import annotations

import gzip
import json
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.made.market import TICKERS, fallback_row, made_bars, made_rows, write_state
from tests.optimizer.serving import Service
from tests.waiting import PATIENCE_SECONDS, until

BARS = made_bars()
ROWS = made_rows(BARS) | {"FFF": fallback_row("FFF", BARS["FFF"])}
REQUEST = {
    "start_date": BARS["AAA"].first_date.isoformat(),
    "end_date": BARS["AAA"].last_date.isoformat(),
    "risk_free_rate": 0.02,
    "target_return": None,
    "risk_tolerance": None,
    "tickers": list(TICKERS),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("http") / "state"
    write_state(folder, BARS, ROWS.values())
    with Service(folder) as running:
        yield running


def test_the_older_client_gets_the_result_itself(service):
    answer = service.post(REQUEST)
    assert answer.status == 200
    result = answer.json
    assert {"weights", "return", "risk", "sharpe_ratio", "prices"} <= set(result)
    assert result["sharpe_ratio"] == (result["return"] - 0.02) / result["risk"]
    assert set(result["prices"]) == set(result["weights"])
    assert sum(result["weights"].values()) == pytest.approx(1.0, abs=1e-9)
    assert all(round(w, 5) == w > 1e-4 for w in result["weights"].values())


def test_forecasts_are_served_whole_chosen_and_one_by_one(service):
    everything = service.get("/api/forecasts").json["forecasts"]
    assert [row["ticker"] for row in everything] == sorted(TICKERS)
    chosen = service.get("/api/forecasts?tickers=bbb,AAA,ZZZ").json
    assert [row["ticker"] for row in chosen["forecasts"]] == ["BBB", "AAA"]
    assert list(chosen["missing"]) == ["ZZZ"]
    one = service.get("/api/forecasts/aaa")
    assert one.json["annual_return"] == ROWS["AAA"].annual_return
    gone = service.get("/api/forecasts/ZZZ")
    assert gone.status == 404
    assert "ZZZ" in gone.json["error"]


def test_the_table_is_compressed_where_that_is_welcome_and_not_sent_again(service):
    plain = service.get("/api/forecasts")
    assert "Content-Encoding" not in plain.headers
    packed = service.get("/api/forecasts", Accept_Encoding="gzip, deflate, br")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert set(packed.headers["Vary"].split(", ")) == {"Accept-Encoding", "Origin"}
    known = service.get("/api/forecasts", If_None_Match=plain.headers["Etag"])
    assert (known.status, known.body) == (304, b"")
    assert service.get("/api/forecasts", If_None_Match='W/"other"').body == plain.body


def test_a_start_date_may_mean_all_that_there_is(service):
    # A service that has just begun may not have read the calendar yet, and says so.
    until(lambda: service.post(REQUEST).json["warnings"] == [])
    answer = service.post(REQUEST | {"start_date": "0001-01-01"})
    assert answer.status == 200
    assert answer.json["warnings"] == []
    assert answer.json["prices_from"] == REQUEST["start_date"]


def test_it_says_that_it_is_alive(service):
    assert service.get("/healthz").json == {"status": "alive"}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({**REQUEST, "tickers": None}, 400, "Either ticker_group or tickers must be provided."),
        ({**REQUEST, "tickers": []}, 400, "Either ticker_group or tickers must be provided."),
        ({**REQUEST, "ticker_group": "FTSE"}, 400, "Unknown ticker group: FTSE"),
        ({**REQUEST, "start_date": "14.11.2025"}, 400, "start_date: a date is needed as YYYY-MM-DD, not '14.11.2025'"),
        ({**REQUEST, "start_date": "2030-01-01"}, 400, "must be before end_date"),
        ({**REQUEST, "risk_free_rate": "x"}, 400, "risk_free_rate: a number is needed"),
        ({**REQUEST, "tickers": "AAPL"}, 400, "tickers: a list"),
        ({**REQUEST, "target_return": 3}, 400, "feasible range"),
        ({**REQUEST, "end_date": "9999-12-31"}, 400, "Choose an end date of 2021-02-23"),
        ({**REQUEST, "ticker_group": "DOW"}, 503, "Could not fetch any valid data"),
        ({**REQUEST, "tickers": ["AAA", "X", "Y"]}, 400, "Only 1 of the 3 tickers can be used"),
        (
            {**REQUEST, "start_date": "2018-01-02", "end_date": "2019-06-28"},
            503,
            "no prices are kept here between 2018-01-02 and 2019-06-28, only from 2020-01-01 to 2021-02-23",
        ),
        ({**REQUEST, "tickers": ["ZZZ"]}, 503, "Could not fetch any valid data for the given tickers and date range."),
        ({**REQUEST, "tickers": ["AAA", "B C", "D E"]}, 400, "Most of this list are not ticker symbols: 'B C', 'D E'."),
        ({**REQUEST, "tickers": ["AAA"] * 10_001}, 400, "tickers: 10,001 entries are too many: at most 10,000 are taken"),
        ({**REQUEST, "ticker_group": "x" * 900_000}, 400, "ticker_group: String should have at most 60 characters"),
        ({**REQUEST, "sector_limits": dict.fromkeys(map(str, range(40_000)), 0.1)}, 400, "sector_limits: 40,000 entries are"),
        ({**REQUEST, "sector_limits": {"x" * 900_000: 0.1}}, 400, "there is no sector 'xxx"),
        ({**REQUEST, "current_weights": dict.fromkeys(map(str, range(40)), "x")}, 400, "and 35 more"),
        ({**REQUEST, "current_weights": {"y" * 900_000: "z" * 50_000}}, 400, "current_weights.yyy"),
        ([1], 400, "must be a JSON object"),
        (b"{", 400, "not valid JSON"),
        (b"\xff\xfe", 400, "not valid JSON"),
        (b"[" * 100_000, 400, "not valid JSON"),
        (b" " * 1_000_001, 413, "at most 1,000,000 bytes"),
    ],
)
def test_what_cannot_be_is_answered_with_a_status_and_a_sentence(service, body, status, message):
    answer = service.post(body)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    assert message in answer.json["error"]
    assert len(answer.body) < 2_000, "what callers send is not sent back whole"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/api/nothing", {}, 404),
        ("GET", "/api/optimize-portfolio", {}, 405),
        ("POST", "/api/optimize-portfolio", {"Content_Type": "text/plain"}, 415),
    ],
)
def test_errors_of_http_are_json_too(service, method, path, headers, status):
    answer = service.request(method, path, b"{}" if method == "POST" else None, **headers)
    assert answer.status == status
    assert answer.json["error"]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /api/optimize-portfolio HTTP/1.1\r\nHost: x\r\nContent-Length: 100000001\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nX: ".ljust(262_144, b"x"), 431),
        (b"what is this\r\n\r\n", 400),
    ],
)
def test_what_never_reaches_the_application_is_answered_in_json_as_well(service, head, status):
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head)
        answer = connection.makefile("rb").read()
    lines, body = answer.split(b"\r\n\r\n", 1)
    assert int(lines.split(b" ", 2)[1]) == status
    assert b"Content-Type: application/json" in lines
    assert json.loads(body)["error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_before_there_is_a_state_and_stops_when_told(tmp_path, number):
    with Service(tmp_path / "state") as running:
        assert running.get("/healthz").status == 200
        assert running.get("/api/forecasts").status == 503
        refused = running.post(REQUEST)
        assert refused.status == 503
        assert str(tmp_path) not in refused.json["error"]
        write_state(tmp_path / "state", BARS, ROWS.values())
        until(lambda: (answer := running.post(REQUEST)).status == 200 and answer.json["estimates"]["forecast"] == 5)
        assert running.stop(number) == 0
        assert "Traceback" not in running.log
