"""Judging: which forecasts are over, what came, and what their losses prove."""

from __future__ import annotations

import numpy as np
import pytest

from records import Bars, date_of
from review.losses import LEAST_BLOCKS, blocks, by_month, coverage, losses_of
from review.outcomes import joined, judge_ticker
from review.report import RECORDED, sections_of, verdict
from tests.review.made import HORIZON, calm, served


def judged_of(variance: float, base: float, *, tickers: int = 8, count: int = 300):
    parts = []
    for number in range(tickers):
        bars = calm(count, number)
        forecasts = [served(f"T{number}", bars, row, variance, base) for row in range(20, count - HORIZON)]
        parts.append(judge_ticker(forecasts, bars)[0])
    return joined(parts)


def test_a_forecast_is_judged_by_the_bars_of_its_horizon_alone():
    close = np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 60)))
    bars = calm(60, 1)
    bars = Bars.of(bars.day, open=close, high=close, low=close, close=close, volume=np.ones(60))
    judged, left = judge_ticker([served("A", bars, 10, 1e-4), served("A", bars, 38, 1e-4), served("A", bars, 39, 1e-4)], bars)
    assert (len(judged), left.open) == (2, 1)
    assert judged.realised_return[0] == pytest.approx(close[31] / close[10] - 1)
    assert judged.realised_variance[0] == pytest.approx(np.mean(np.diff(np.log(close[10:32])) ** 2))
    assert judged.last_day[0] == bars.day[31]
    other = close.copy()
    other[:10] *= 3
    other[32:] *= 5
    moved = Bars.of(bars.day, open=other, high=other, low=other, close=other, volume=np.ones(60))
    again, _ = judge_ticker([served("A", bars, 10, 1e-4)], moved)
    assert again.realised_return[0] == pytest.approx(judged.realised_return[0])


def test_dividends_belong_to_what_came():
    bars = calm(60, 1)
    dividend = np.zeros(60)
    dividend[15] = 10.0
    paid = Bars.of(
        bars.day, open=bars.open, high=bars.high, low=bars.low, close=bars.close, volume=bars.volume, dividend=dividend
    )
    without, with_dividend = (judge_ticker([served("A", bars, 10, 1e-4)], each)[0].realised_return[0] for each in (bars, paid))
    assert with_dividend > without + 0.05


def test_forecasts_without_their_bar_or_without_any_bars_are_counted():
    bars = calm(60, 1)
    forecast = served("A", bars, 10, 1e-4)
    missing = Bars.of(
        *(np.delete(bars.day, 10),),
        **{name: np.delete(getattr(bars, name), 10) for name in ("open", "high", "low", "close", "volume")},
    )
    assert judge_ticker([forecast], missing)[1].without_bar == 1
    assert judge_ticker([forecast], None)[1].without_history == 1


def test_blocks_never_share_a_bar():
    judged = judged_of(1e-4, 1e-4)
    number = blocks(judged)
    for block in range(number.max()):
        assert judged.day[number == block + 1].min() >= judged.last_day[number == block].min()
    assert number.max() + 1 == pytest.approx((300 - 20 - HORIZON) / HORIZON, abs=1)


@pytest.mark.parametrize(
    ("variance", "base", "words"),
    [
        (1e-4, 4e-4, "Better than the baseline, proven"),
        (4e-4, 1e-4, "Worse than the baseline, proven"),
        (1e-4, 1e-4, "No difference"),
    ],
)
def test_the_verdict_follows_the_losses(variance, base, words):
    losses = losses_of(judged_of(variance, base))
    assert verdict(losses).startswith(words)
    assert (losses.qlike < losses.qlike_baseline) == (variance < base)


def test_calibrated_intervals_hold_what_they_say_and_narrow_ones_do_not():
    right, narrow = losses_of(judged_of(1e-4, 1e-4)), losses_of(judged_of(1e-5, 1e-5))
    assert right.cover_80.interval[0] < 0.8 < right.cover_80.interval[1]
    assert "right within chance" in verdict(right)
    assert "too narrow" in verdict(narrow)


def test_a_few_returns_that_all_came_inside_prove_no_interval_too_wide():
    judged = judged_of(1e-4, 1e-4, tickers=1)
    few = judged.part(np.arange(0, len(judged), HORIZON))
    share = coverage(few, np.ones(len(few), dtype=np.bool_), 0.95)
    assert share.interval is not None
    assert share.interval[0] < 0.95


def test_few_horizons_prove_nothing_however_many_tickers():
    judged = judged_of(1e-4, 9e-4, tickers=40, count=20 + HORIZON + 40)
    losses = losses_of(judged)
    assert losses.qlike_gain.blocks < LEAST_BLOCKS
    assert losses.qlike_gain.interval is None
    assert verdict(losses).startswith("Too early to judge")


def test_sections_have_every_part():
    good, bad = judged_of(1e-4, 1e-4, tickers=3), judged_of(9e-4, 1e-4, tickers=1)
    bad = type(bad)(
        tuple(served("BAD", calm(300, 0), 20 + k, 9e-4, 1e-4, model="lstm") for k in range(len(bad))),
        bad.day, bad.last_day, bad.realised_return, bad.realised_variance,
    )  # fmt: skip
    (section,) = sections_of(RECORDED, joined([good, bad]))
    assert section.worst[0][0] == "BAD"
    assert set(section.models) == {"har", "lstm"}
    assert set(section.months) == {f"{date_of(int(day)):%Y-%m}" for day in good.day} == set(by_month(good))
    assert sum(losses.forecasts for losses in section.months.values()) == section.losses.forecasts
