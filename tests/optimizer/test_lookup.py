from __future__ import annotations

import datetime as dt
import logging

import numpy as np
import pytest

from errors import NoDataError
from models.pooling.pool import pool
from models.pooling.terms import TERM_NAMES
from models.selection.combination import BASELINE
from monitoring.punctuality import weekdays_between
from optimizer.lookup import Freshness
from optimizer.prices import PriceTable, adjusted_series
from records import RETURN_LIMITED, CandidateForecast, FallbackStep, PoolStatistics, day_number
from tests.made.market import FIRST, bars_of, fallback_row, later, made_bars, made_rows, replace_row, row, trained_row, weekdays


def freshness(end: dt.date, newest: dt.date | None, sessions: int = 5) -> Freshness:
    return Freshness(end, newest, sessions)


@pytest.mark.parametrize(("age", "serves"), [(0, True), (5, True), (6, False), (100, False)])
def test_a_forecast_serves_for_so_many_sessions(age, serves):
    bars = made_bars(("AAA",))["AAA"]
    newest = later(bars, age)
    assert (freshness(newest, newest).refusal(row("AAA", bars)) is None) is serves


def test_replayed_history_is_as_fresh_as_its_newest_bar_whatever_the_end_date():
    bars = made_bars(("AAA",))["AAA"]
    assert freshness(dt.date(2031, 1, 1), bars.last_date).refusal(row("AAA", bars)) is None


def test_a_delisted_ticker_goes_stale_although_its_own_last_bar_is_the_newest_of_its_own(optimizer_of, asked):
    bars = made_bars()
    gone = bars["AAA"][:292]
    rows = made_rows(bars) | {"AAA": row("AAA", gone)}
    result = optimizer_of(bars | {"AAA": gone}, rows).optimize(asked(bars, tickers=["AAA"]))
    assert "sessions before" in result["forecasts"]["AAA"]["reason"]


def test_a_forecast_from_after_the_end_date_would_look_ahead(optimizer_of, asked):
    bars = made_bars()
    end = dt.date(2020, 12, 1)
    optimizer = optimizer_of(bars)
    result = optimizer.optimize(asked(bars, end_date=end.isoformat()))
    assert result["estimates"] == {"forecast": 0, "fallback": 6}
    assert all("look ahead" in basis["reason"] for basis in result["forecasts"].values())
    newest = bars["AAA"].last_date
    named = f"AAA, BBB, CCC, DDD, EEE and 1 more: choose an end date of {newest} to use them"
    assert f"forecasts made after the end date are not used: {named}" in result["warnings"]
    past = {t: b[b.day <= day_number(end)] for t, b in bars.items()}
    assert optimizer_of(past, []).optimize(asked(past, end_date=end.isoformat()))["weights"] == result["weights"]
    assert result["prices_as_of"] == end.isoformat()


@pytest.mark.parametrize(
    "bad",
    [{"annual_return": None}, {"annual_volatility": float("nan")}, {"annual_volatility": 0.0}, {"annual_return": float("inf")}],
)
def test_a_row_without_sound_numbers_does_not_serve(bad):
    bars = made_bars(("AAA",))["AAA"]
    assert freshness(bars.last_date, bars.last_date).refusal(replace_row(row("AAA", bars), **bad))


def test_an_unreadable_row_costs_its_ticker_alone_and_says_why(optimizer_of, asked):
    bars = made_bars()
    rows = made_rows(bars)
    del rows["AAA"]
    optimizer = optimizer_of(bars, rows)
    optimizer.rows._forecasts.broken["AAA"] = "AAA: forecast row of schema version 9"
    result = optimizer.optimize(asked(bars, tickers=["AAA"]))
    assert "schema version 9" in result["forecasts"]["AAA"]["reason"]
    assert optimizer.optimize(asked(bars))["estimates"] == {"forecast": 5, "fallback": 1}


def test_fallbacks_are_logged_with_their_reason(optimizer_of, asked, caplog):
    bars = made_bars(("AAA",))
    with caplog.at_level(logging.WARNING):
        optimizer_of(bars, [fallback_row("AAA", bars["AAA"], "too young")]).optimize(asked(bars))
    assert any("AAA" in message and "too young" in message for message in caplog.messages)


def test_a_ticker_without_any_estimate_is_left_out_by_name_and_the_others_go_on(optimizer_of, asked):
    bars = made_bars(young={"FFF": 5})
    bars["EEE"] = bars_of(bars["EEE"].day, np.full(300, 10.0))
    rows = {t: r for t, r in made_rows(bars).items() if t not in ("EEE", "FFF")}
    result = optimizer_of(bars, rows).optimize(asked(bars))
    assert set(result["unused"]) == {"EEE", "FFF"}
    assert set(result["weights"]) <= {"AAA", "BBB", "CCC", "DDD"}
    with pytest.raises(NoDataError, match="Could not fetch any valid data"):
        optimizer_of(bars, rows).optimize(asked(bars, tickers=["EEE", "FFF", "GGG"]))


@pytest.mark.parametrize(("still", "used"), [(20, True), (21, False), (70, False)])
def test_a_price_that_stands_still_is_no_calm_share(optimizer_of, asked, still, used):
    bars = made_bars()
    close = bars["AAA"].close.copy()
    close[-still:] = close[-still - 1]
    bars["AAA"] = bars_of(bars["AAA"].day, close)
    result = optimizer_of(bars, [fallback_row("AAA", bars["AAA"], "too young")]).optimize(asked(bars))
    if used:
        assert "AAA" not in result["unused"]
    else:
        assert "halted or frozen" in result["unused"]["AAA"]
        assert "too young" in result["unused"]["AAA"]


def test_an_estimate_from_past_prices_does_not_bear_the_name_of_the_table_s_own(optimizer_of, asked):
    bars = made_bars(count=70)
    rows = {ticker: trained_row(ticker, held) for ticker, held in bars.items()}
    assert {r.fallback for r in rows.values()} == {"historical"}
    for ticker, basis in optimizer_of(bars, rows).optimize(asked(bars))["forecasts"].items():
        assert basis["fallback"] == basis["model"] == basis["volatility_model"] == "mpt"
        assert basis["expected_return"] != rows[ticker].annual_return


def test_weekends_are_no_sessions():
    friday = dt.date(2024, 1, 5)
    assert [weekdays_between(friday, friday + dt.timedelta(days=d)) for d in (0, 1, 2, 3, 7)] == [0, 0, 0, 1, 5]
    assert weekdays_between(dt.date(2024, 1, 6), dt.date(2024, 1, 8)) == 1
    assert weekdays_between(friday, dt.date.max) > 2_000_000


def test_dividends_are_taken_in_and_the_last_close_is_the_one_traded():
    day = weekdays(4)
    bars = bars_of(day, np.array([100.0, 110.0, 99.0, 100.0]), np.array([0.0, 0.0, 11.0, 0.0]))
    series = adjusted_series(bars, FIRST, dt.date(2030, 1, 1))
    assert series.close[-1] == 100.0
    np.testing.assert_allclose(np.diff(np.log(series.close)), np.log([1.1, 1.0, 100 / 99]))
    before = adjusted_series(bars, FIRST, FIRST + dt.timedelta(days=1))
    np.testing.assert_allclose(before.close, [100.0, 110.0])


def test_prices_are_aligned_without_shortening_any_ticker():
    bars = made_bars(("AAA", "BBB"), young={"BBB": 10})
    gap = np.ones(300, bool)
    gap[150] = False
    held = {"AAA": bars["AAA"][gap], "BBB": bars["BBB"]}
    table = PriceTable.of({t: adjusted_series(b, FIRST, dt.date(2030, 1, 1)) for t, b in held.items()})
    returns = table.log_returns()
    assert np.isfinite(returns).sum(axis=0).tolist() == [298, 9]
    assert np.nansum(returns[:, 0]) == pytest.approx(np.log(bars["AAA"].close[-1] / bars["AAA"].close[0]))
    np.testing.assert_allclose(table.last_close(), [b.close[-1] for b in bars.values()])


def test_forecasts_older_than_the_end_date_are_named_with_their_age(optimizer_of, asked):
    bars = made_bars()
    end = later(bars["AAA"], 9)
    rows = made_rows(bars) | {"AAA": row("AAA", bars["AAA"], as_of=later(bars["AAA"], -2))}
    result = optimizer_of(bars, rows).optimize(asked(bars, end_date=end.isoformat()))
    assert result["estimates"] == {"forecast": 6, "fallback": 0}
    named = f"forecasts are 9 to 11 sessions older than the end date {end}: AAA, BBB, CCC, DDD, EEE and 1 more"
    assert named in result["warnings"]
    assert f"prices end on {bars['AAA'].last_date}, 9 sessions before the end date {end}" in result["warnings"]
    fresh = optimizer_of(bars, rows).optimize(asked(bars, end_date=later(bars["AAA"], 3).isoformat()))
    assert fresh["warnings"] == []


def test_a_forecast_that_was_limited_is_warned_of(optimizer_of, asked):
    bars = made_bars()
    steps = (
        FallbackStep(model=RETURN_LIMITED, reason="a return of +136.0% a year is expected, +100% is served: check its bars"),
    )
    rows = made_rows(bars) | {"AAA": row("AAA", bars["AAA"], 1.0, 0.2, fallbacks=steps)}
    result = optimizer_of(bars, rows).optimize(asked(bars))
    assert f"AAA: {steps[0].reason}" in result["warnings"]
    assert result["forecasts"]["AAA"]["reason"] == steps[0].reason
    assert result["forecasts"]["AAA"]["fallback"] is None


def test_one_wild_forecast_does_not_decide_for_tickers_without_one(optimizer_of, asked):
    bars = made_bars()
    result = optimizer_of(bars, {"AAA": row("AAA", bars["AAA"], 1.0, 0.2)}).optimize(asked(bars, weight_cap=0.17))
    estimated = [basis for ticker, basis in result["forecasts"].items() if ticker != "AAA"]
    assert len(estimated) >= 3
    assert all(abs(basis["expected_return"]) < 0.3 for basis in estimated)


def test_rows_are_pooled_at_read_time_over_those_known_at_the_end_date(optimizer_of, asked):
    bars = made_bars()
    statistics = {
        ticker: PoolStatistics(
            mean_return=0.0001 * (1 + k), mean_return_variance=1e-7, terms=np.zeros(len(TERM_NAMES), "<f4").tobytes(),
            weeks=b"", panel=b"", tails=None,
        )
        for k, ticker in enumerate(bars)
    }  # fmt: skip
    opinion = CandidateForecast(model=BASELINE, horizon_return=0.005, daily_variance=1e-4)
    rows = {
        t: replace_row(r, pool=statistics[t], opinions=(opinion,), return_model=BASELINE) for t, r in made_rows(bars).items()
    }
    late = replace_row(rows["FFF"], as_of=later(bars["FFF"], 1))
    pooled = {r.ticker: r for r in pool([r for t, r in rows.items() if t != "FFF"])}
    assert pooled["AAA"].annual_return != rows["AAA"].annual_return
    result = optimizer_of(bars, rows | {"FFF": late}).optimize(asked(bars, target_return=0.01))
    for ticker, basis in result["forecasts"].items():
        if ticker != "FFF":
            assert basis["forecast_return"] == pooled[ticker].annual_return
            assert basis["forecast_volatility"] == pooled[ticker].annual_volatility
            assert basis["pooled_tickers"] == 5
