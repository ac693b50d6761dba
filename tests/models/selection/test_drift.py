"""The sequential test behind drift detection: how often it is wrong, how soon it is right, and what it never does."""

from __future__ import annotations

import datetime as dt
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract import HorizonForecast, Window
from models.results import TRAINED_VERSION, TrainingJob, decode_trained, encode_trained
from models.selection.combination import Combination
from models.selection.drift import (
    ALARM,
    BETS,
    LARGEST_VARIANCE,
    RECENT_BARS,
    Monitors,
    Outcome,
    advanced,
    evidence,
    is_settled,
    monitors_at_cutoff,
    return_difference,
    variance_difference,
)
from models.selection.walkforward import WalkForward
from models.serving import make_forecast
from models.training import train_ticker
from records import FORECAST_VERSION, LossMonitor, decode_forecast, encode_forecast
from tests.models.windows import simulated_window

HORIZON = 21
NEW = LossMonitor(bars=0, excess=0.0, detectors=(0.0,) * len(BETS))
LEANING = Combination(
    return_base="har",
    return_best="arima",
    return_weight=1.0,
    volatility_base="har",
    volatility_best="arima",
    volatility_weight=1.0,
)
START = dt.date(2020, 1, 1)


def alarms(baseline: np.ndarray, candidate: np.ndarray, realised: np.ndarray) -> list[int]:
    """Bars to the alarm on the variance, by path, -1 where there is none; log variances of shape (paths, bars)."""
    found = []
    for path in range(len(baseline)):
        monitors = Monitors(level=1.0, returns=None, variance=NEW)
        for bar in range(baseline.shape[1]):
            forecasts = {
                "har": HorizonForecast(0.0, math.exp(baseline[path, bar])),
                "arima": HorizonForecast(0.0, math.exp(candidate[path, bar])),
            }
            outcome = Outcome(START + dt.timedelta(bar), 0.0, math.exp(realised[path, bar]))
            monitors = advanced(monitors, LEANING, forecasts, outcome, HORIZON)
            if is_settled(monitors):
                break
        found.append(bar if is_settled(monitors) else -1)
    return found


def slow(rng: np.random.Generator, paths: int, bars: int, spread: float, memory: float) -> np.ndarray:
    """First-order autoregressions of this standard deviation, shape (paths, bars)."""
    values = np.empty((paths, bars))
    values[:, 0] = spread * rng.standard_normal(paths)
    for bar in range(1, bars):
        values[:, bar] = memory * values[:, bar - 1] + spread * math.sqrt(1 - memory**2) * rng.standard_normal(paths)
    return values


def range_noise(rng: np.random.Generator, paths: int, bars: int) -> np.ndarray:
    """Logs of the ratio of a day's range-based variance to the true one: mean ratio 1, now and then four times as much."""
    ratio = rng.gamma(2.0, 0.5, (paths, bars)) * np.where(rng.random((paths, bars)) < 0.02, 4.0, 1.0)
    return np.log(np.maximum(ratio / 1.06, 1e-6))


#: Errors in logs with the same expected QLIKE, exp(-x) + x less a constant.
ALIKE = {0.1: -0.0968, 0.3: -0.2727, 0.6: -0.5001}


@pytest.mark.parametrize("error", ALIKE)
def test_false_alarms_are_as_rare_as_stated(error: float) -> None:
    """Two forecasts equally wrong at every bar: a week after a quarter at most n ÷ ALARM of the paths have had an alarm."""
    rng = np.random.default_rng(5)
    paths, bars = 600, RECENT_BARS + 5
    truth = slow(rng, paths, bars, 0.5, 0.97)
    higher = slow(rng, paths, bars, 1.0, 0.95) > 0
    errors = [np.where(side, error, ALIKE[error]) for side in (higher, ~higher)]
    found = alarms(truth + errors[0], truth + errors[1], truth + range_noise(rng, paths, bars))
    assert np.mean(np.array(found) >= 0) <= bars / ALARM


@pytest.mark.parametrize(("factor", "usual", "nearly_all"), [(4.0, 12, 25), (9.0, 8, 12)])
def test_a_regime_change_is_told_within_days(factor: float, usual: int, nearly_all: int) -> None:
    """The variance rises for good after a quarter; the baseline follows with a half-life of a week, the candidate does not."""
    rng = np.random.default_rng(6)
    paths, calm, wild = 100, RECENT_BARS, 60
    truth = slow(rng, paths, calm + wild, 0.5, 0.97)
    known, truth = truth, truth + np.where(np.arange(calm + wild) < calm, 0.0, math.log(factor))
    learned = math.log(factor) * (1 - 0.5 ** (np.maximum(np.arange(calm + wild) - calm, 0) / 5))
    errors = [slow(rng, paths, calm + wild, 0.15, 0.95) for _ in range(2)]
    found = alarms(known + learned + errors[0], known + errors[1], truth + range_noise(rng, paths, calm + wild))
    bars = np.array(found) - calm + 1
    assert np.mean(bars > 0) >= 0.97
    assert np.median(bars) <= usual
    assert np.quantile(bars, 0.9) <= nearly_all


@given(st.floats(1e-8, 1.0), st.floats(1e-8, 1.0), st.floats(0.0, 10.0))
def test_no_stake_is_ever_lost_beyond_itself_on_the_variance(served: float, baseline: float, realised: float) -> None:
    difference, largest_gain = variance_difference(served, baseline, realised)
    assert difference >= -largest_gain * (1 + 1e-9) - 1e-12


@given(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1), st.floats(1e-8, 0.01), st.floats(-1.0, 10.0))
def test_no_stake_is_ever_lost_beyond_itself_on_the_return(
    served: float, baseline: float, variance: float, realised: float
) -> None:
    difference, largest_gain = return_difference(served, baseline, variance, realised)
    assert difference >= -largest_gain * (1 + 1e-9) - 1e-12


def test_differences_are_those_of_the_losses() -> None:
    def qlike(forecast: float, realised: float) -> float:
        return realised / forecast - math.log(realised / forecast) - 1

    for served, baseline, realised in [(2e-4, 1e-4, 3e-4), (1e-4, 3e-4, 1e-5)]:
        assert variance_difference(served, baseline, realised)[0] == pytest.approx(
            qlike(served, realised) - qlike(baseline, realised)
        )
    assert variance_difference(1e-4, 2e-4, 1.0) == variance_difference(1e-4, 2e-4, 2e-4 * LARGEST_VARIANCE)
    served, baseline, realised = 0.002, -0.001, 0.01
    assert return_difference(served, baseline, 1e-4, realised)[0] == pytest.approx(
        ((realised - served) ** 2 - (realised - baseline) ** 2) / 1e-4
    )


def test_a_return_forecast_that_points_the_wrong_way_is_told() -> None:
    rng = np.random.default_rng(7)
    monitors = Monitors(level=1.0, returns=NEW, variance=NEW)
    forecasts = {"har": HorizonForecast(0.0, 1e-4), "arima": HorizonForecast(-0.21, 1e-4)}
    for bar in range(60):
        outcome = Outcome(START + dt.timedelta(bar), 0.01 + 0.01 * rng.standard_normal(), 1e-4)
        monitors = advanced(monitors, LEANING, forecasts, outcome, HORIZON)
    assert monitors.returns is not None
    assert monitors.returns.alarm is not None
    assert monitors.returns.bars < 40
    # The two forecasts of the variance are one: no bet is ever won or lost.
    assert monitors.variance is not None
    assert monitors.variance.excess == 0.0
    assert evidence(monitors.variance) == pytest.approx(60)


def test_after_an_alarm_nothing_is_counted() -> None:
    monitors = Monitors(level=1.0, returns=None, variance=NEW)
    forecasts = {"har": HorizonForecast(0.0, 1e-4), "arima": HorizonForecast(0.0, 1e-6)}
    seen = []
    for bar in range(20):
        monitors = advanced(monitors, LEANING, forecasts, Outcome(START + dt.timedelta(bar), 0.0, 1e-4), HORIZON)
        assert monitors.variance is not None
        seen.append((monitors.variance.bars, evidence(monitors.variance)))
    assert monitors.variance is not None
    assert monitors.variance.alarm is not None
    assert seen[-1] == seen[monitors.variance.bars - 1]
    assert [value >= ALARM for _, value in seen].index(True) == monitors.variance.bars - 1


class TestTheBeginning:
    """A monitor begins with the validated forecasts of the last quarter before the cut-off."""

    ORIGIN = np.arange(300, 479, 10)

    def monitors(self, window: Window, shift: float, since: int = 0) -> Monitors | None:
        """ARIMA's log variance lies `shift` off from origin `since` on."""
        level = np.log(np.nanmean(window.log_return**2))
        base = np.full(len(self.ORIGIN), level)
        other = base + np.where(since <= self.ORIGIN, shift, 0.01)
        walks = {
            name: WalkForward(np.zeros(len(self.ORIGIN)), np.exp(values))
            for name, values in {"har": base, "arima": other}.items()
        }
        return monitors_at_cutoff(window, HORIZON, LEANING.displaced(returns=True, volatility=False), walks, self.ORIGIN)

    def test_who_was_wrong_lately_does_not_serve_at_all(self) -> None:
        window = simulated_window(500, seed=3)
        lately = self.monitors(window, -4.0, since=440)
        assert lately is not None
        assert lately.variance is not None
        assert lately.variance.alarm == window.as_of
        assert lately.variance.bars == RECENT_BARS
        assert lately.returns is None

    def test_who_was_not_serves(self) -> None:
        fine = self.monitors(simulated_window(500, seed=3), 0.02)
        assert fine is not None
        assert fine.variance is not None
        assert fine.variance.alarm is None

    def test_only_bars_after_an_origin_are_judged_by_it(self) -> None:
        window = simulated_window(500, seed=3)
        before, after = self.monitors(window, 0.5), self.monitors(window, 0.5, since=int(self.ORIGIN[-1]))
        assert before is not None
        assert after is not None
        assert before != after
        # What the last origin says counts from the bar after it on, and not before.
        until = window.until(int(self.ORIGIN[-1]) + 1)
        assert self.monitors(until, 0.01) == self.monitors(until, 0.5, since=int(self.ORIGIN[-1]))

    def test_without_weight_there_is_nothing_to_watch(self) -> None:
        window = simulated_window(500, seed=3)
        baseline = LEANING.displaced(returns=True, volatility=True)
        assert monitors_at_cutoff(window, HORIZON, baseline, {}, self.ORIGIN) is None


def test_what_an_older_version_stored_is_read_as_not_watched() -> None:
    """Version 1 had neither a row's `drift` nor a training's `monitors`."""
    window = simulated_window(300, seed=1)
    job = TrainingJob(
        window=window, digest=b"", horizon=HORIZON, seed=0, models=("har",), minimum_bars=252, settings_hash="hash"
    )
    trained = train_ticker(job)
    row = make_forecast(window, trained, horizon=HORIZON, settings_hash="hash", minimum_bars=252)
    older_row, older_training = (msgspec.msgpack.decode(encoded) for encoded in (encode_forecast(row), encode_trained(trained)))
    assert older_row.pop("drift") is None
    assert older_training.pop("monitors") is None
    older_row["schema_version"] = older_training["schema_version"] = 1
    assert msgspec.structs.replace(decode_forecast(msgspec.msgpack.encode(older_row)), schema_version=FORECAST_VERSION) == row
    read = decode_trained(msgspec.msgpack.encode(older_training))
    assert msgspec.structs.replace(read, schema_version=TRAINED_VERSION) == trained
