"""The inputs of the market model: what one ticker's own past says about how far its variance will depart from the others'.

Every input is relative (to the ticker's own usual variance, volume or return), so that it means the same for any ticker in any
year. An input is NaN where the history is too short for it, or where it needs volumes and there are none.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.contract import Window, places_of
from models.market.input_names import INPUT_NAMES
from models.market.past import LEAST_VARIANCE, MONTH, SIZE, SPIKE, Past, largest_of, log_of, past_of, running_largest
from records import Floats

#: Bars between a company's quarterly reports; eight quarters back for the calendar of reports, four for the season ahead.
QUARTER: Final = 63
QUARTERS: Final = 8
SEASON_QUARTERS: Final = 4
#: A report's date moves by a few sessions from quarter to quarter; its size is looked for within a wider span.
CALENDAR_SLACK: Final = 3
SIZE_SLACK: Final = 5
#: Bars that the inputs after one bar rest on, that bar included: the calendar of reports reaches furthest back.
INPUT_BARS: Final = QUARTERS * QUARTER + CALENDAR_SLACK
#: The horizon that the season's windows are made for.
HORIZON: Final = 21
YEAR: Final = 252
#: Bars that the errors of the past year rest on: the inputs before one bar need no features but marks of reports.
ERROR_BARS: Final = YEAR + HORIZON
#: Half of a rolling mean's bars must be there.
LEAST_PRESENT: Final = 0.5
#: A log-HAR with fixed slopes, whose errors of the past year are an input.
FIXED_HAR: Final = {"range_variance_5": 0.3, "range_variance_21": 0.3, "range_variance_63": 0.2, "range_variance_252": 0.2}
_HAR_AND_RETURNS: Final = (*FIXED_HAR, "realised_variance_21")
_FIXED_SLOPES: Final = np.array(tuple(FIXED_HAR.values()))
_VARIANCES: Final = (
    *(f"range_variance_{bars}" for bars in (5, 21, 63, 252)),
    *(f"realised_variance_{bars}" for bars in (21, 63, 252)),
    "ewma_variance_94",
)
_LOG_MEANS: Final = tuple(f"log_range_variance_{bars}" for bars in (21, 63, 252))
_SEASON_BARS: Final = QUARTER * SEASON_QUARTERS
_ROOTS: Final = {bars: math.sqrt(bars) for bars in (5, 21, 63, 252)}


def market_inputs(window: Window, rows: np.ndarray) -> Floats:
    """The inputs after each of the bars `rows` (rising), shape (m, k) in the order of INPUT_NAMES.

    `rows` are indices into the window. Only the INPUT_BARS up to a row matter, so the same bars give the same inputs, whatever
    the window holds before them.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        past = past_of(window, rows, INPUT_BARS)
        # After a single row all below are numbers in place of arrays (m,): NumPy's calls on short arrays take most of the time.
        single = past.returns.ndim == 1
        now = _Now(window.features[rows[0] if single else rows], window.feature_names)
        columns = {**_variance_inputs(now, past), **_return_inputs(now, past), **_report_inputs(past)}
        columns |= _error_inputs(window, rows, single=single)
    inputs = np.array([columns[name] for name in INPUT_NAMES])
    inputs = inputs[None] if single else inputs.T
    inputs[~np.isfinite(inputs)] = np.nan
    return inputs


def variance_rise(window: Window, rows: np.ndarray) -> Floats:
    """The input `log_variance_21_to_252` alone, shape (m,)."""
    rise: Floats = window.column("log_range_variance_21")[rows] - window.column("log_range_variance_252")[rows]
    return rise


class _Now(NamedTuple):
    """The features after each row, (m, F), with their names; after a single row, (F,)."""

    features: Floats
    names: tuple[str, ...]

    def __call__(self, *names: str) -> list[Any]:
        """Features by name, (m,) each; numbers after a single row."""
        return _parts(self.features.take(places_of(self.names, names), axis=-1))


def _parts(values: Floats) -> list[Any]:
    """Along the last axis: arrays (m,), or numbers."""
    return values.tolist() if values.ndim == 1 else list(values.T)


def _at_least(low: float, values: Any) -> Any:
    """As `np.maximum`: arrays, or a number."""
    return max(values, low) if isinstance(values, float) else np.maximum(values, low)


def _root(values: Any) -> Any:
    """As `np.sqrt`: of arrays, or of a number."""
    return math.sqrt(values) if isinstance(values, float) else np.sqrt(values)


def _mean(values: Floats, bars: int) -> Any:
    """Mean of the finite values in the last `bars` columns; NaN where fewer than half are finite."""
    part = values[..., -bars:]
    total = np.add.reduce(part, axis=-1)
    if _all_finite(total):
        return total / bars
    present = np.isfinite(part)
    count = present.sum(axis=-1)
    mean = np.where(present, part, 0.0).sum(axis=-1) / np.maximum(count, 1)
    return np.where(count >= LEAST_PRESENT * bars, mean, np.nan)


def _all_finite(values: Any) -> bool:
    """Whether the number, or each of the array, is finite."""
    return math.isfinite(values) if isinstance(values, float) else bool(np.isfinite(values).all())


def _variance_inputs(now: _Now, past: Past) -> dict[str, Any]:
    """How the variance of the last days, months and year compare with each other, and what it consists of."""
    largest = [largest_of(past.variance[..., -bars:]) for bars in (MONTH, QUARTER)]
    logs = _parts(log_of(np.array([*now(*_VARIANCES), *largest])).T)
    log_range = dict(zip((5, 21, 63, 252), logs, strict=False))
    log_realised = dict(zip((21, 63, 252), logs[4:], strict=False))
    log_ewma, largest_21, largest_63 = logs[7:]
    *log_means, quarterly, yearly = now(*_LOG_MEANS, "range_variance_63", "range_variance_252")
    log_mean = dict(zip((21, 63, 252), log_means, strict=True))
    overnight = past.overnight[..., -YEAR:] ** 2
    return {
        "variance_5_to_63": log_range[5] - log_range[63],
        "variance_21_to_63": log_range[21] - log_range[63],
        "variance_21_to_252": log_range[21] - log_range[252],
        "log_variance_21_to_63": log_mean[21] - log_mean[63],
        "log_variance_21_to_252": log_mean[21] - log_mean[252],
        "log_variance_63_to_252": log_mean[63] - log_mean[252],
        "ewma_to_63": log_ewma - log_range[63],
        "largest_21_to_252": largest_21 - log_mean[252],
        "largest_63_to_252": largest_63 - log_mean[252],
        "overnight_share_63": _mean(overnight, 63) / _at_least(LEAST_VARIANCE, quarterly),
        "overnight_share_252": _mean(overnight, 252) / _at_least(LEAST_VARIANCE, yearly),
        "log_variance_252": log_mean[252],
        "concentration_21": log_range[21] - log_mean[21],
        "concentration_63": log_range[63] - log_mean[63],
        "concentration_252": log_range[252] - log_mean[252],
        "close_to_range_21": log_realised[21] - log_range[21],
        "close_to_range_63": log_realised[63] - log_range[63],
        "close_to_range_252": log_realised[252] - log_range[252],
    }


def _return_inputs(now: _Now, past: Past) -> dict[str, Any]:
    """Momentum, drawdown, falls and skewness, in units of the ticker's own volatility."""
    yearly, monthly, momentum_21, momentum_63, momentum_252, drawdown = now(
        "range_variance_252", "realised_variance_21", "momentum_21", "momentum_63", "momentum_252", "drawdown_252"
    )
    yearly = _root(_at_least(LEAST_VARIANCE, yearly))
    monthly = _root(_at_least(LEAST_VARIANCE, monthly))
    returns = past.returns[..., -QUARTER:]
    squares = returns**2
    falls = np.where(returns < 0.0, squares, 0.0)
    mean = _mean(returns, QUARTER)
    centred = returns - (mean if isinstance(mean, float) else mean[:, None])
    second = centred**2
    cubes = np.add.reduce(second * centred, axis=-1) / QUARTER
    second = _at_least(LEAST_VARIANCE, np.add.reduce(second, axis=-1) / QUARTER)
    return {
        "momentum_5": np.add.reduce(returns[..., -5:], axis=-1) / (yearly * _ROOTS[5]),
        "momentum_21": momentum_21 / (monthly * _ROOTS[21]),
        "momentum_63": momentum_63 / (yearly * _ROOTS[63]),
        "momentum_252": momentum_252 / (yearly * _ROOTS[252]),
        "drawdown_252": drawdown / (yearly * _ROOTS[252]),
        "falls_21": np.add.reduce(falls[..., -21:], axis=-1)
        / _at_least(LEAST_VARIANCE, np.add.reduce(squares[..., -21:], axis=-1)),
        "falls_63": np.add.reduce(falls, axis=-1) / _at_least(LEAST_VARIANCE, np.add.reduce(squares, axis=-1)),
        "skewness_63": cubes / np.power(second, 1.5),
    }


def _folded(values: Floats, slack: int, quarters: int, join: Callable[[Floats], Floats]) -> tuple[Any, Any]:
    """The calendar of reports: the largest score expected in the horizon ahead, and in the rest of the quarter.

    A day's score is the largest within `slack` bars of the same day one … `quarters` quarters earlier, joined over the
    quarters that the history holds.
    """
    first = INPUT_BARS - slack - QUARTER * quarters
    around = running_largest(values[..., first:], 2 * slack + 1)
    score = join(around.take(_places(slack, quarters), axis=-1))
    return largest_of(score[..., :HORIZON]), largest_of(score[..., HORIZON:])


@functools.cache
def _places(slack: int, quarters: int) -> NDArray[np.intp]:
    """Where the scores of the days ahead stand, shape (quarters, days), the newest quarter first."""
    return QUARTER * np.arange(quarters)[::-1, None] + np.arange(QUARTER - slack)


def _present_mean(parts: Floats) -> Floats:
    """Mean over the last axis but one of the parts that are there; NaN where none is."""
    total: Floats = np.add.reduce(parts, axis=-2)
    if math.isfinite(np.add.reduce(total, axis=None)):
        return np.asarray(total / parts.shape[-2])
    present = np.isfinite(parts)
    count = present.sum(axis=-2)
    return np.where(count > 0, np.where(present, parts, 0.0).sum(axis=-2) / np.maximum(count, 1), np.nan)


def _least(parts: Floats) -> Floats:
    least: Floats = np.minimum.reduce(parts, axis=-2)
    return least


def _report_inputs(past: Past) -> dict[str, Any]:
    """Whether the quarterly report lies ahead, how large reports are, and whether there was one just now."""
    marks = past.together[SPIKE : SIZE + 1, ..., -_SEASON_BARS:]
    by_quarter = marks.reshape(*marks.shape[:-1], SEASON_QUARTERS, QUARTER)
    # A season: the largest mark in the bars that lie one … four quarters before the horizon ahead.
    season = largest_of(by_quarter[..., :HORIZON])
    spike, score, size = np.add.reduce(season, axis=-1) / SEASON_QUARTERS
    least_spike, _, least_size = np.minimum.reduce(season, axis=-1)
    usual = np.add.reduce(largest_of(by_quarter[-1]), axis=-1) / SEASON_QUARTERS
    calendar_ahead, calendar_after = _folded(past.report, CALENDAR_SLACK, QUARTERS, _present_mean)
    size_ahead, size_after = _folded(past.size, SIZE_SLACK, SEASON_QUARTERS, _least)
    newest = past.score[..., -QUARTER:]
    # NaN where one of the quarter is missing.
    since = QUARTER - 1.0 - np.maximum(newest, 0.0).argmax(axis=-1) + 0.0 * np.add.reduce(newest, axis=-1)
    spike_now, score_now, size_now = largest_of(marks[..., -MONTH:])
    return {
        "season_size": size,
        "season_size_least": least_size,
        "season_spike": spike,
        "season_spike_least": least_spike,
        "season_score": score,
        "report_size": usual,
        "season_share": size / _at_least(0.05, usual),
        "calendar_ahead": calendar_ahead,
        "calendar_after": calendar_after,
        "calendar_size_ahead": size_ahead,
        "calendar_size_after": size_after,
        "bars_since_report": since,
        "size_now": size_now,
        "spike_now": spike_now,
        "score_now": score_now,
        "volume_5": _mean(past.spike, 5),
        "volume_21": _mean(past.spike, 21),
    }


def _error_inputs(window: Window, rows: np.ndarray, *, single: bool) -> dict[str, Any]:
    """Errors of a fixed log-HAR over the past year: of the newest whole horizon, and on average."""
    # From the first bar that the first row's year rests on.
    first = max(0, int(rows[0]) + 1 - ERROR_BARS)
    logs = log_of(window.features[first:].take(places_of(window.feature_names, _HAR_AND_RETURNS), axis=1))
    expected = logs[:, : len(FIXED_HAR)] @ _FIXED_SLOPES
    errors = logs[HORIZON:, -1] - expected[:-HORIZON]
    if single:
        errors = errors[:YEAR]
    else:
        index = (rows - first)[:, None] + np.arange(1 - YEAR, 1)
        padded = np.concatenate([np.full(HORIZON, np.nan), errors])
        errors = np.where(index >= 0, padded[np.maximum(index, 0)], np.nan)
    total = np.add.reduce(errors, axis=-1)
    if _all_finite(total):
        return {"error_last": errors[..., -1], "error_year": total / YEAR}
    present = np.isfinite(errors)
    count = present.sum(axis=-1)
    mean = np.where(present, errors, 0.0).sum(axis=-1) / np.maximum(count, 1)
    return {"error_last": errors[..., -1], "error_year": np.where(count >= QUARTER, mean, np.nan)}
