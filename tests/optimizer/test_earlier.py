"""Yesterday's end date: forecasts as of that date, from a process that the first such request starts."""

from __future__ import annotations

import datetime as dt
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.pooling.pool import pool
from optimizer.earlier import EarlierForecasts, servable
from optimizer.portfolio import get_stock_data, ml_forecast_returns
from optimizer.request import parse_request
from optimizer.session import Session
from tests.made.traded import BARS, CHOSEN, CUTOFF, date_at, rows_up_to, run_folder, settings_of
from tests.optimizer.serving import Service
from tests.proc import children, command_line
from tests.waiting import until

TICKERS = list(BARS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_folder(tmp_path_factory)


@pytest.fixture(scope="module")
def session(folder: Path) -> Iterator[Session]:
    with Session.open(settings_of(folder)) as opened:
        yield opened


def asked(end: dt.date, **changes: object) -> dict[str, object]:
    return {"start_date": "2013-01-02", "end_date": end.isoformat(), "risk_free_rate": -0.3, "tickers": TICKERS, **changes}


def served(session: Session, end: dt.date, **changes: object) -> tuple[dict, list[str]]:
    seen: list[str] = []
    result = session.optimizer.optimize(parse_request(asked(end, **changes)), lambda _, message: seen.append(message))
    return result, seen


@pytest.mark.parametrize("row", [-2, -3, -4])
def test_yesterday_is_served_what_was_forecast_yesterday(session, row):
    wanted = {each.ticker: each for each in pool(list(rows_up_to(row + 1).values()))}
    result, seen = served(session, date_at(row))
    assert result["estimates"] == {"forecast": 3, "fallback": 1}
    assert len(result["forecasts"]) >= 2
    for ticker, basis in result["forecasts"].items():
        assert basis["forecast_return"] == wanted[ticker].annual_return
        assert basis["forecast_volatility"] == wanted[ticker].annual_volatility
        assert basis["as_of"] == date_at(row).isoformat()
    assert (result["forecasts_from"], result["forecasts_as_of"]) == (date_at(row).isoformat(),) * 2
    assert any(f"Making forecasts as of {date_at(row)}: 0 of 4 tickers" in message for message in seen)
    assert f"3 by forecasts of {date_at(row)}" in seen[-1]
    assert result["warnings"] == []


def test_a_request_again_does_no_work_again(session):
    first, _ = served(session, date_at(-2))
    kept = session.optimizer.rows.as_of(date_at(-2), TICKERS).forecasts
    assert kept["AAA"] is session.optimizer.rows.as_of(date_at(-2), TICKERS).forecasts["AAA"]
    assert served(session, date_at(-2))[0] == first


def test_before_the_last_training_the_result_says_which_model_serves(session):
    result, seen = served(session, date_at(CUTOFF - 1))
    assert result["estimates"]["forecast"] == 3
    (warning,) = result["warnings"]
    assert warning.startswith(f"AAA, BBB, CCC: the stored models were trained up to {date_at(CUTOFF)}, after that date")
    assert warning in seen[-1]
    assert all(basis["reason"] in warning for basis in result["forecasts"].values() if basis["fallback"] is None)


def test_more_than_ten_sessions_back_past_prices_serve_and_say_why(session):
    assert served(session, date_at(-11))[0]["estimates"]["forecast"] == 3
    result, _ = served(session, date_at(-12))
    assert result["estimates"]["forecast"] == 0
    assert all("11 sessions before the newest bar" in basis["reason"] for basis in result["forecasts"].values())
    assert any("choose an end date of" in warning for warning in result["warnings"])
    assert "long before the newest bar" in str(served(session, date_at(-60))[0]["forecasts"])


def test_prices_that_end_yesterday_have_yesterdays_forecasts(session):
    data = get_stock_data(TICKERS, "2012-01-02", date_at(-2), session=session)
    expected = ml_forecast_returns(data, session=session)
    wanted = {each.ticker: each for each in pool(list(rows_up_to(-1).values()))}
    assert {ticker: expected[ticker] for ticker in ("AAA", "BBB", "CCC")} == {
        ticker: wanted[ticker].annual_return for ticker in ("AAA", "BBB", "CCC")
    }


@pytest.mark.parametrize("changes", [{"earlier_sessions": 0}, {"horizon": 10}])
def test_switched_off_or_under_other_settings_past_prices_serve_and_nothing_starts(folder, changes):
    with Session.open(settings_of(folder, **changes)) as opened:
        result, _ = served(opened, date_at(-2))
        assert opened.earlier.pid is None
    assert result["estimates"]["forecast"] == 0
    reasons = {basis["reason"] for basis in result["forecasts"].values()}
    assert all("would look ahead" in reason for reason in reasons)
    assert all("other forecast settings" in reason for reason in reasons) is ("horizon" in changes)


def test_a_process_that_has_ended_is_started_again(session):
    earlier = session.earlier
    before = earlier.rows(date_at(-2), TICKERS)
    process = earlier._process
    process.kill()
    process.wait()
    after = earlier.rows(date_at(-2), TICKERS)
    assert after.rows == before.rows
    assert earlier._process is not process


def test_a_process_that_cannot_start_is_a_reason_and_left_alone_for_a_while(folder, monkeypatch, caplog):
    monkeypatch.setattr("sys.executable", "/bin/false")
    now = [0.0]
    earlier = EarlierForecasts(settings_of(folder), clock=lambda: now[0])
    for _ in range(2):
        assert "the log has the reason" in earlier.rows(date_at(-2), TICKERS).missing["AAA"]
    assert sum("no earlier forecasts" in message for message in caplog.messages) == 1
    now[0] = 61.0
    earlier.rows(date_at(-2), TICKERS)
    assert sum("no earlier forecasts" in message for message in caplog.messages) == 2
    earlier.close()


def test_only_rows_of_this_services_settings_can_have_earlier_ones():
    rows = list(rows_up_to(None).values())
    able, missing = servable(rows, date_at(-2), CHOSEN)
    assert (able, missing) == (TICKERS, {})
    able, missing = servable(rows, date_at(-2) - dt.timedelta(days=60), CHOSEN)
    assert (able, len(missing)) == ([], 4)


@pytest.mark.parametrize("end", ["request", "kill"])
def test_over_a_socket_and_the_process_ends_with_its_service(folder, end):
    environment = {
        "MODELS": "har,xgboost", "LOOKBACK": str(CHOSEN.lookback), "MINIMUM_BARS": str(CHOSEN.minimum_bars),
        "HISTORY_BARS": str(CHOSEN.history_bars),
    }  # fmt: skip
    with Service(folder, **environment) as service:
        answer = service.post(asked(date_at(-2)))
        assert answer.status == 200, answer.body
        assert answer.json["forecasts_as_of"] == date_at(-2).isoformat()
        (child,) = children(service.process.pid)
        assert "streams.earlier" in command_line(child)
        if end == "kill":
            service.process.send_signal(signal.SIGKILL)
            service.process.wait()
        else:
            assert service.stop() == 0
        until(lambda: "streams.earlier" not in command_line(child), lambda: service.log)
