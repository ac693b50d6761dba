"""What the service does before its first request."""

from __future__ import annotations

import pytest

from models.pooling.pool import pool
from optimizer import served_rows
from optimizer.portfolio import optimize_portfolio
from optimizer.session import Session
from settings import Settings
from tests.made.market import TICKERS, made_bars, made_rows, write_state

BARS = made_bars()
START, END = BARS["AAA"].first_date.isoformat(), BARS["AAA"].last_date.isoformat()


def test_a_request_after_it_opens_and_pools_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(settings.state_dir, BARS, made_rows(BARS).values())
    with Session.open(settings) as cold:
        expected = optimize_portfolio(START, END, 0.02, tickers=TICKERS, session=cold)
    pooled = []
    monkeypatch.setattr(served_rows, "pool", lambda rows: pooled.append(1) or pool(rows))
    with Session.open(settings) as session:
        session.warm_up()
        assert pooled == [1]
        assert optimize_portfolio(START, END, 0.02, tickers=TICKERS, session=session) == expected
    assert pooled == [1]


def test_without_a_state_it_says_so_in_the_log_alone(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with Session.open(settings) as session:
        session.warm_up()
    assert "state not read at start" in caplog.text
