"""The ten known mistakes of comparable back ends, each by its name."""

from __future__ import annotations

import json
import logging

import numpy as np
import pandas as pd
import pytest

from optimizer.session import Session
from optimizer.tickers import sanitize_tickers
from optimizer.web import close_app, create_app
from state.cache import TwoLevelCache
from tests.made.market import (
    TICKERS,
    fallback_row,
    made_bars,
    made_rows,
    row,
    shrunk_mean,
    shrunk_means,
    with_close,
    write_state,
)


def test_1_the_given_risk_free_rate_counts_in_the_max_sharpe_mode(optimizer_of, asked):
    optimizer = optimizer_of()
    low, high = (optimizer.optimize(asked(risk_free_rate=rate)) for rate in (0.0, 0.12))
    assert low["weights"] != high["weights"]
    assert high["sharpe_ratio"] == pytest.approx((high["return"] - 0.12) / high["risk"], rel=1e-12)
    # The portfolio for the other rate has a worse ratio at this rate, or the rate was ignored.
    assert (low["return"] - 0.12) / low["risk"] < high["sharpe_ratio"]


def test_2_an_int_target_is_a_number(asked, optimizer_of):
    bars = made_bars()
    request = asked(bars, target_return=1)
    assert request.target_return == 1.0
    rows = [row(t, b, 0.8 + 0.1 * i) for i, (t, b) in enumerate(bars.items())]
    assert optimizer_of(bars, rows).optimize(request)["return"] >= 1.0 - 1e-4


def test_3_a_cache_key_covers_the_middle_of_a_long_series():
    calls = []
    cache = TwoLevelCache(None)

    @cache.cached(900, 14400)
    def mean(prices: pd.Series) -> float:
        calls.append(len(prices))
        return float(prices.mean())

    prices = pd.Series(np.arange(10_000.0))
    mean(prices)
    corrected = prices.copy()
    corrected.iloc[5_000] = 1.0
    assert mean(corrected) == pytest.approx(corrected.mean())
    assert len(calls) == 2


def test_3_a_correction_in_the_middle_of_a_history_reaches_the_portfolio(optimizer_of, asked):
    bars = made_bars()
    optimizer = optimizer_of(bars, made_rows(bars))
    before = optimizer.optimize(asked(bars))
    histories = optimizer._market._histories
    ticker = next(iter(before["weights"]))
    histories.held[ticker] = with_close(bars[ticker], 150, float(bars[ticker].close[150]) * 1.5)
    assert optimizer.optimize(asked(bars))["risk"] != before["risk"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_4_a_weight_cap_never_makes_a_small_request_infeasible(count, optimizer_of, asked):
    bars = made_bars(TICKERS[:count])
    result = optimizer_of(bars, weight_cap=0.2).optimize(asked(bars))
    assert sum(result["weights"].values()) == pytest.approx(1.0, abs=1e-9)
    assert max(result["weights"].values()) <= min(1.0, 2 / count) + 1e-5
    assert any("weight cap" in warning for warning in result["warnings"])


def test_5_a_failed_forecast_is_never_a_constant(optimizer_of, asked, caplog):
    bars = made_bars()
    rows = (
        made_rows(bars) | {t: fallback_row(t, bars[t]) for t in ("AAA", "BBB")} | {"CCC": row("CCC", bars["CCC"], None, None)}
    )
    del rows["DDD"]
    with caplog.at_level(logging.WARNING):
        result = optimizer_of(bars, rows).optimize(asked(bars, risk_tolerance=0.5, weight_cap=0.34))
    assert result["estimates"] == {"forecast": 2, "fallback": 4}
    for ticker in ("AAA", "BBB", "CCC", "DDD"):
        assert any(ticker in message for message in caplog.messages)
        if ticker in result["forecasts"]:
            returns = np.diff(np.log(bars[ticker].close))
            basis = result["forecasts"][ticker]
            served = [rows[other].annual_return for other in ("EEE", "FFF")]
            assert basis["forecast_return"] == pytest.approx(shrunk_mean(np.expm1(returns), served))
            assert basis["fallback"] == "mpt"
            assert basis["reason"]


def test_6_a_young_ticker_truncates_nobody(optimizer_of, asked):
    bars = made_bars(young={"FFF": 30})
    rows = made_rows(bars)
    for ticker in bars:
        rows[ticker] = fallback_row(ticker, bars[ticker])
    result = optimizer_of(bars, rows).optimize(asked(bars, risk_tolerance=0.9))
    whole = optimizer_of({t: b for t, b in bars.items() if t != "FFF"}, rows).optimize(
        asked({t: b for t, b in bars.items() if t != "FFF"}, risk_tolerance=0.9)
    )
    shared = set(result["forecasts"]) & set(whole["forecasts"])
    assert shared
    for ticker in shared:
        beside, alone = result["forecasts"][ticker], whole["forecasts"][ticker]
        assert beside["forecast_volatility"] == alone["forecast_volatility"]
        assert beside["expected_volatility"] == pytest.approx(alone["expected_volatility"], rel=1e-3)
        assert beside["reason"].split(" is shrunk")[0] == alone["reason"].split(" is shrunk")[0]
    frame_days = optimizer_of(bars, rows)._market.prices(list(bars), bars["AAA"].first_date, bars["AAA"].last_date).table.day
    assert len(frame_days) == 300


def test_7_when_nothing_beats_the_risk_free_rate_the_answer_is_the_minimum_variance_portfolio(optimizer_of, asked):
    bars = made_bars()
    rows = [row(t, b, -0.1 - 0.01 * i, 0.1 + 0.05 * i) for i, (t, b) in enumerate(bars.items())]
    optimizer = optimizer_of(bars, rows)
    result = optimizer.optimize(asked(bars))
    assert any("minimum-variance" in warning for warning in result["warnings"])
    calmest = optimizer.optimize(asked(bars, target_return=-0.9))
    assert result["risk"] == pytest.approx(calmest["risk"], rel=1e-6)
    assert result["sharpe_ratio"] < 0


def test_8_a_reconnecting_client_gets_the_result_again(settings):
    bars = made_bars()
    write_state(settings.state_dir, bars, made_rows(bars).values())
    body = {
        "start_date": bars["AAA"].first_date.isoformat(), "end_date": bars["AAA"].last_date.isoformat(),
        "risk_free_rate": 0.02, "tickers": list(TICKERS), "request_id": "req_8",
    }  # fmt: skip
    with Session.open(settings) as session:
        app = create_app(settings, session=session)
        assert app.test_client().post("/api/optimize-portfolio", json=body).json["request_id"] == "req_8"
        streams = [app.test_client().get("/api/progress-stream/req_8").text for _ in range(3)]
        close_app(app)
    last = [json.loads(stream.rsplit("data: ", 1)[1]) for stream in streams]
    assert last[0]["type"] == "complete"
    assert last[0]["result"]["weights"]
    assert last == [last[0]] * 3


def test_9_a_dot_becomes_a_hyphen_only_before_a_share_class():
    raw = ["BRK.B", "bf.b", "005930.KS", "VOD.L", "7203.T", "BMW.DE", "BRK-B"]
    assert sanitize_tickers(raw) == ["BRK-B", "BF-B", "005930.KS", "VOD.L", "7203.T", "BMW.DE"]


def test_10_return_and_risk_are_both_annual(optimizer_of, asked):
    bars = made_bars(("AAA",))
    result = optimizer_of(bars, [fallback_row("AAA", bars["AAA"])]).optimize(asked(bars))
    returns = np.diff(np.log(bars["AAA"].close))
    assert result["return"] == pytest.approx(shrunk_means(np.expm1(returns).reshape(-1, 1))[0], rel=1e-9)
    assert result["risk"] == pytest.approx(returns.std(ddof=1) * np.sqrt(252))
    prices = pd.DataFrame({"AAA": bars["AAA"].close}, index=pd.DatetimeIndex(bars["AAA"].day.astype("datetime64[D]")))
    mean = prices["AAA"].pct_change().mean() * 252
    assert f"its mean return of {mean:.1%} ±" in result["forecasts"]["AAA"]["reason"]
