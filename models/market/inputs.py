"""The inputs of the market model: what one ticker's own past says about how far its variance will depart from the others'.

Every input is relative (to the ticker's own usual variance, volume or return), so that it means the same for any ticker in any
year. An input is NaN where the history is too short for it, or where it needs volumes and there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from models.contract import Window
from models.market.input_names import INPUT_NAMES
from models.market.past import LEAST_VARIANCE, MONTH, Past, largest_of, log_of, past_of
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
#: Half of a rolling mean's bars must be there.
LEAST_PRESENT: Final = 0.5
#: A log-HAR with fixed slopes, whose errors of the past year are an input.
FIXED_HAR: Final = {"range_variance_5": 0.3, "range_variance_21": 0.3, "range_variance_63": 0.2, "range_variance_252": 0.2}
_VARIANCES: Final = (
    *(f"range_variance_{bars}" for bars in (5, 21, 63, 252)),
    *(f"realised_variance_{bars}" for bars in (21, 63, 252)),
    "ewma_variance_94",
)
_SEASON_BARS: Final = QUARTER * SEASON_QUARTERS


def market_inputs(window: Window, rows: np.ndarray) -> Floats:
    """The inputs after each of the bars `rows` (rising), shape (m, k) in the order of INPUT_NAMES.

    `rows` are indices into the window. Only the INPUT_BARS up to a row matter, so the same bars give the same inputs, whatever
    the window holds before them.
    """
    now = _Now(window.features[rows], window.feature_names)
    with np.errstate(invalid="ignore", divide="ignore"):
        past = past_of(window, rows, INPUT_BARS)
        columns = {**_variance_inputs(now, past), **_return_inputs(now, past), **_report_inputs(past)}
        columns |= _error_inputs(window, rows)
    inputs = np.array([columns[name] for name in INPUT_NAMES]).T
    inputs[~np.isfinite(inputs)] = np.nan
    return inputs


def variance_rise(window: Window, rows: np.ndarray) -> Floats:
    """The input `log_variance_21_to_252` alone, shape (m,)."""
    rise: Floats = window.column("log_range_variance_21")[rows] - window.column("log_range_variance_252")[rows]
    return rise


class _Now(NamedTuple):
    """The features after each row, (m, F), with their names."""

    features: Floats
    names: tuple[str, ...]

    def __call__(self, name: str) -> Floats:
        column: Floats = self.features[:, self.names.index(name)]
        return column

    def logs(self, *names: str) -> dict[str, Floats]:
        """Logs of variances by name, (m,) each."""
        values = log_of(self.features[:, [self.names.index(name) for name in names]])
        return dict(zip(names, values.T, strict=True))


def _mean(values: Floats, bars: int) -> Floats:
    """Mean of the finite values in the last `bars` columns; NaN where fewer than half are finite."""
    part = values[:, -bars:]
    total: Floats = np.add.reduce(part, axis=1)
    if np.isfinite(total).all():
        return total / bars
    present = np.isfinite(part)
    count = present.sum(axis=1)
    mean = np.where(present, part, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count >= LEAST_PRESENT * bars, mean, np.nan)


def _variance_inputs(now: _Now, past: Past) -> dict[str, Floats]:
    """How the variance of the last days, months and year compare with each other, and what it consists of."""
    logs = now.logs(*_VARIANCES)
    log_range = {bars: logs[f"range_variance_{bars}"] for bars in (5, 21, 63, 252)}
    log_mean = {bars: now(f"log_range_variance_{bars}") for bars in (21, 63, 252)}
    largest = log_of(np.array([largest_of(past.variance[:, -MONTH:]), largest_of(past.variance[:, -QUARTER:])]))
    overnight = past.overnight[:, -YEAR:] ** 2
    found = {
        "variance_5_to_63": log_range[5] - log_range[63],
        "variance_21_to_63": log_range[21] - log_range[63],
        "variance_21_to_252": log_range[21] - log_range[252],
        "log_variance_21_to_63": log_mean[21] - log_mean[63],
        "log_variance_21_to_252": log_mean[21] - log_mean[252],
        "log_variance_63_to_252": log_mean[63] - log_mean[252],
        "ewma_to_63": logs["ewma_variance_94"] - log_range[63],
        "largest_21_to_252": largest[0] - log_mean[252],
        "largest_63_to_252": largest[1] - log_mean[252],
        "overnight_share_63": _mean(overnight, 63) / np.maximum(now("range_variance_63"), LEAST_VARIANCE),
        "overnight_share_252": _mean(overnight, 252) / np.maximum(now("range_variance_252"), LEAST_VARIANCE),
        "log_variance_252": log_mean[252],
    }
    found |= {f"concentration_{bars}": log_range[bars] - log_mean[bars] for bars in (21, 63, 252)}
    return found | {f"close_to_range_{bars}": logs[f"realised_variance_{bars}"] - log_range[bars] for bars in (21, 63, 252)}


def _return_inputs(now: _Now, past: Past) -> dict[str, Floats]:
    """Momentum, drawdown, falls and skewness, in units of the ticker's own volatility."""
    yearly = np.sqrt(np.maximum(now("range_variance_252"), LEAST_VARIANCE))
    monthly = np.sqrt(np.maximum(now("realised_variance_21"), LEAST_VARIANCE))
    returns = past.returns[:, -QUARTER:]
    squares = returns**2
    falls = np.where(returns < 0.0, squares, 0.0)
    centred = returns - _mean(returns, QUARTER)[:, None]
    second = centred**2
    cubes = np.add.reduce(second * centred, axis=1) / QUARTER
    second = np.maximum(np.add.reduce(second, axis=1) / QUARTER, LEAST_VARIANCE)
    return {
        "momentum_5": np.add.reduce(returns[:, -5:], axis=1) / (yearly * np.sqrt(5.0)),
        "momentum_21": now("momentum_21") / (monthly * np.sqrt(21.0)),
        "momentum_63": now("momentum_63") / (yearly * np.sqrt(63.0)),
        "momentum_252": now("momentum_252") / (yearly * np.sqrt(252.0)),
        "drawdown_252": now("drawdown_252") / (yearly * np.sqrt(252.0)),
        "falls_21": np.add.reduce(falls[:, -21:], axis=1) / np.maximum(np.add.reduce(squares[:, -21:], axis=1), LEAST_VARIANCE),
        "falls_63": np.add.reduce(falls, axis=1) / np.maximum(np.add.reduce(squares, axis=1), LEAST_VARIANCE),
        "skewness_63": cubes / second**1.5,
    }


def _folded(values: Floats, slack: int, quarters: int, join: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """The calendar of reports: the largest score expected in the horizon ahead, and in the rest of the quarter.

    A day's score is the largest within `slack` bars of the same day one … `quarters` quarters earlier, joined over the
    quarters that the history holds.
    """
    days = QUARTER - slack
    first = INPUT_BARS - slack - QUARTER * quarters
    around = _running_largest(values[:, first:], 2 * slack + 1)
    # Beyond the last score there is none: those places are of days that are left out.
    padded = np.full((len(values), quarters * QUARTER), np.nan)
    padded[:, : around.shape[1]] = around
    score = join(padded.reshape(len(values), quarters, QUARTER)[:, ::-1, :days].transpose(1, 0, 2))
    return largest_of(score[:, :HORIZON]), largest_of(score[:, HORIZON:])


def _running_largest(values: Floats, bars: int) -> Floats:
    """Largest of each `bars` successive values, shape (m, n − bars + 1); by doubling, so in a few steps."""
    found, width = values, 1
    while width < bars:
        further = min(width, bars - width)
        found = np.maximum(found[:, :-further], found[:, further:])
        width += further
    return found


def _present_mean(parts: Floats) -> Floats:
    """Mean over the first axis of the parts that are there; NaN where none is."""
    total: Floats = np.add.reduce(parts, axis=0)
    if np.isfinite(total).all():
        return total / len(parts)
    present = np.isfinite(parts)
    count = present.sum(axis=0)
    return np.where(count > 0, np.where(present, parts, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _least(parts: Floats) -> Floats:
    least: Floats = np.minimum.reduce(parts, axis=0)
    return least


def _report_inputs(past: Past) -> dict[str, Floats]:
    """Whether the quarterly report lies ahead, how large reports are, and whether there was one just now."""
    marks = np.array([past.size[:, -_SEASON_BARS:], past.spike[:, -_SEASON_BARS:], past.score[:, -_SEASON_BARS:]])
    by_quarter = marks.reshape(3, -1, SEASON_QUARTERS, QUARTER)
    # A season: the largest mark in the bars that lie one … four quarters before the horizon ahead.
    season = largest_of(by_quarter[..., :HORIZON])
    mean = np.add.reduce(season, axis=2) / SEASON_QUARTERS
    least = np.minimum.reduce(season, axis=2)
    usual = np.add.reduce(largest_of(by_quarter[0]), axis=1) / SEASON_QUARTERS
    calendar_ahead, calendar_after = _folded(past.report, CALENDAR_SLACK, QUARTERS, _present_mean)
    size_ahead, size_after = _folded(past.size, SIZE_SLACK, SEASON_QUARTERS, _least)
    newest = past.score[:, -QUARTER:]
    since = np.where(
        np.isfinite(newest).all(axis=1), QUARTER - 1.0 - np.where(newest > 0.0, newest, 0.0).argmax(axis=1), np.nan
    )
    now = largest_of(marks[..., -MONTH:])
    return {
        "season_size": mean[0],
        "season_size_least": least[0],
        "season_spike": mean[1],
        "season_spike_least": least[1],
        "season_score": mean[2],
        "report_size": usual,
        "season_share": mean[0] / np.maximum(usual, 0.05),
        "calendar_ahead": calendar_ahead,
        "calendar_after": calendar_after,
        "calendar_size_ahead": size_ahead,
        "calendar_size_after": size_after,
        "bars_since_report": since,
        "size_now": now[0],
        "spike_now": now[1],
        "score_now": now[2],
        "volume_5": _mean(past.spike, 5),
        "volume_21": _mean(past.spike, 21),
    }


def _error_inputs(window: Window, rows: np.ndarray) -> dict[str, Floats]:
    """Errors of a fixed log-HAR over the past year: of the newest whole horizon, and on average."""
    # From the first bar that the first row's year rests on.
    first = max(0, int(rows[0]) + 1 - YEAR - HORIZON)
    known, rows = window.part(first, len(window)), rows - first
    logs = log_of(known.columns((*FIXED_HAR, "realised_variance_21")))
    expected = logs[:, : len(FIXED_HAR)] @ np.array(tuple(FIXED_HAR.values()))
    error = np.full(len(known), np.nan)
    error[HORIZON:] = logs[HORIZON:, -1] - expected[:-HORIZON]
    index = rows[:, None] + np.arange(1 - YEAR, 1)
    errors = np.where(index >= 0, error[np.maximum(index, 0)], np.nan)
    total = np.add.reduce(errors, axis=1)
    if np.isfinite(total).all():
        return {"error_last": errors[:, -1], "error_year": total / YEAR}
    present = np.isfinite(errors)
    count = present.sum(axis=1)
    mean = np.where(present, errors, 0.0).sum(axis=1) / np.maximum(count, 1)
    return {"error_last": errors[:, -1], "error_year": np.where(count >= QUARTER, mean, np.nan)}
