"""Rows as workers write them, pooled behind the HTTP interface: one number under one name everywhere, and none made up."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from models.pooling.pool import POOLED
from tests.made.market import TICKERS, later, made_bars
from tests.optimizer.clients import client_over

#: FFF is too young for a trained model, and one close of EEE is a hundred times too high.
BARS = made_bars(count=600, young={"FFF": 60})
GOALS = [{}, {"target_return": 0.05}, {"risk_tolerance": 0.3}]


def with_error(index: int) -> dict[str, Any]:
    close = BARS["EEE"].close.copy()
    close[index] *= 100.0
    high = BARS["EEE"].high.copy()
    high[index] *= 100.0
    return BARS | {"EEE": dataclasses.replace(BARS["EEE"], close=close, high=high)}


@pytest.fixture(scope="module", params=[-100, -1], ids=["error in the middle", "error at the end"])
def client(request, tmp_path_factory) -> Iterator[FlaskClient]:
    with client_over(tmp_path_factory.mktemp("real") / "state", with_error(request.param)) as client:
        yield client


def answer(client: FlaskClient, **changes: Any) -> dict[str, Any]:
    body = {
        "start_date": BARS["AAA"].first_date.isoformat(), "end_date": BARS["AAA"].last_date.isoformat(),
        "risk_free_rate": 0.0, "tickers": list(TICKERS),
    }  # fmt: skip
    response = client.post("/api/optimize-portfolio", json=body | changes)
    assert response.status_code == 200, response.text
    return response.json


@pytest.mark.parametrize("goal", GOALS, ids=["sharpe", "return", "risk"])
def test_no_return_is_made_up_and_all_are_those_of_the_table(client, goal):
    table = {row["ticker"]: row for row in client.get("/api/forecasts").json["forecasts"]}
    # A close that stays a hundred times too high between others is held back.
    sound = {ticker: row for ticker, row in table.items() if row["annual_return"] is not None}
    assert set(table) - set(sound) <= {"EEE"}
    assert all(abs(row["annual_return"]) < 0.5 for row in sound.values())
    result = answer(client, **goal)
    assert abs(result["return"]) < 0.5
    assert result["estimates"]["forecast"] == len(sound) - 1
    for ticker, basis in result["forecasts"].items():
        if ticker not in sound:
            assert basis["fallback"] == "mpt"
            continue
        assert basis["forecast_return"] == table[ticker]["annual_return"]
        assert abs(basis["expected_return"] - basis["forecast_return"]) < 0.04
        assert basis["forecast_volatility"] == table[ticker]["annual_volatility"]
        assert basis["model"] == table[ticker]["return_model"]
        assert basis["fallback"] == table[ticker]["fallback"]
        assert basis["pooled_tickers"] == len(sound) - 1


def test_a_young_ticker_is_served_the_pooled_estimate_under_its_name(client):
    (basis,) = answer(client, tickers=["FFF"])["forecasts"].values()
    assert (basis["model"], basis["volatility_model"], basis["fallback"]) == (POOLED,) * 3
    assert "60 bars" in basis["reason"]
    assert basis["as_of"] == BARS["FFF"].last_date.isoformat()


def test_before_the_table_past_prices_stand_in_and_promise_no_more(client):
    result = answer(client, end_date=later(BARS["AAA"], -20).isoformat(), start_date=later(BARS["AAA"], -60).isoformat())
    assert result["estimates"] == {"forecast": 0, "fallback": 6}
    assert all(abs(basis["expected_return"]) < 0.2 for basis in result["forecasts"].values())
