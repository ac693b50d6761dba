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
MONTH: Final = 21
#: Half of a rolling mean's bars must be there.
LEAST_PRESENT: Final = 0.5
#: Nothing that trades has a lower daily variance.
LEAST_VARIANCE: Final = 1e-9
#: A jump counts from one to seven times its usual size; a volume spike up to two (beside a jump) or 2.5 deviations.
LARGEST_JUMP: Final = 6.0
LARGEST_SPIKE: Final = 2.0
LARGEST_REPORT_SPIKE: Final = 2.5
#: Volume deviations from which on a day's variance is taken for that of news.
NEWS_SPIKE: Final = 0.75
#: A log-HAR with fixed slopes, whose errors of the past year are an input.
FIXED_HAR: Final = {"range_variance_5": 0.3, "range_variance_21": 0.3, "range_variance_63": 0.2, "range_variance_252": 0.2}


class _Past(NamedTuple):
    """The bars up to each row, shape (m, INPUT_BARS) each, the newest last; NaN before the history begins.

    `returns` and `overnight` are daily log returns, `variance` is the range-based variance, `spike` the volume's z-score. Two
    marks of a report: `score` is jump × spike, `report` is spike + jump. `size` is the log of a news day's variance over a calm
    month's.
    """

    returns: Floats
    overnight: Floats
    variance: Floats
    spike: Floats
    score: Floats
    report: Floats
    size: Floats


def market_inputs(window: Window, rows: np.ndarray) -> Floats:
    """The inputs after each of the bars `rows`, shape (m, k) in the order of INPUT_NAMES.

    `rows` are indices into the window. Only the INPUT_BARS up to a row matter, so the same bars give the same inputs, whatever
    the window holds before them.
    """
    past = _past(window, rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {**_variance_inputs(window, rows, past), **_return_inputs(window, rows, past), **_report_inputs(past)}
        columns |= _error_inputs(window, rows)
    inputs = np.column_stack([columns[name] for name in INPUT_NAMES])
    inputs[~np.isfinite(inputs)] = np.nan
    return inputs


def variance_rise(window: Window, rows: np.ndarray) -> Floats:
    """The input `log_variance_21_to_252` alone, shape (m,)."""
    return _at(window, rows, "log_range_variance_21") - _at(window, rows, "log_range_variance_252")


def _past(window: Window, rows: np.ndarray) -> _Past:
    spike = window.column("volume_zscore_63")
    # Exactly 0 is what a volume that does not vary, or is missing, has.
    spike = np.where(spike == 0.0, np.nan, spike)
    overnight = window.column("overnight_return")
    variance = np.maximum(window.range_variance, LEAST_VARIANCE)
    usual = np.maximum(window.column("overnight_rms_63"), 1e-4)
    calm = np.exp(window.column("log_range_variance_63"))
    with np.errstate(invalid="ignore", divide="ignore"):
        jump = np.clip(np.abs(overnight) / usual - 1.0, 0.0, LARGEST_JUMP)
        score = jump * np.clip(spike, 0.0, LARGEST_SPIKE)
        report = np.clip(spike, 0.0, LARGEST_REPORT_SPIKE) + 0.5 * jump * (spike > 0.5)
        news = np.where(spike > NEWS_SPIKE, np.maximum(variance, window.log_return**2), 0.0)
        size = np.log1p(news / np.maximum(MONTH * calm, 1e-8))
    size = np.where(np.isfinite(spike), size, np.nan)
    index = rows[:, None] + np.arange(1 - INPUT_BARS, 1)
    inside = index >= 0
    taken = np.where(inside, index, 0)

    def gathered(values: Floats) -> Floats:
        return np.where(inside, values[taken], np.nan)

    parts = (window.log_return, overnight, variance, spike, score, report, size)
    return _Past(*(gathered(part) for part in parts))


def _at(window: Window, rows: np.ndarray, name: str) -> Floats:
    values: Floats = window.column(name)[rows]
    return values


def _log(values: Floats) -> Floats:
    return np.log(np.maximum(values, LEAST_VARIANCE))


def _mean(values: Floats, bars: int) -> Floats:
    """Mean of the finite values in the last `bars` columns; NaN where fewer than half are finite."""
    part = values[:, -bars:]
    present = np.isfinite(part)
    count = present.sum(axis=1)
    mean = np.where(present, part, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count >= LEAST_PRESENT * bars, mean, np.nan)


def _variance_inputs(window: Window, rows: np.ndarray, past: _Past) -> dict[str, Floats]:
    """How the variance of the last days, months and year compare with each other, and what it consists of."""
    log_range = {bars: _log(_at(window, rows, f"range_variance_{bars}")) for bars in (5, 21, 63, 252)}
    log_mean = {bars: _at(window, rows, f"log_range_variance_{bars}") for bars in (21, 63, 252)}
    close = {bars: _log(_at(window, rows, f"realised_variance_{bars}")) for bars in (21, 63, 252)}
    found = {
        "variance_5_to_63": log_range[5] - log_range[63],
        "variance_21_to_63": log_range[21] - log_range[63],
        "variance_21_to_252": log_range[21] - log_range[252],
        "log_variance_21_to_63": log_mean[21] - log_mean[63],
        "log_variance_21_to_252": variance_rise(window, rows),
        "log_variance_63_to_252": log_mean[63] - log_mean[252],
        "ewma_to_63": _log(_at(window, rows, "ewma_variance_94")) - log_range[63],
        "largest_21_to_252": _log(past.variance[:, -MONTH:].max(axis=1)) - log_mean[252],
        "largest_63_to_252": _log(past.variance[:, -QUARTER:].max(axis=1)) - log_mean[252],
        "overnight_share_63": _mean(past.overnight**2, 63) / np.maximum(np.exp(log_range[63]), LEAST_VARIANCE),
        "overnight_share_252": _mean(past.overnight**2, 252) / np.maximum(np.exp(log_range[252]), LEAST_VARIANCE),
        "log_variance_252": log_mean[252],
    }
    found |= {f"concentration_{bars}": log_range[bars] - log_mean[bars] for bars in (21, 63, 252)}
    return found | {f"close_to_range_{bars}": close[bars] - log_range[bars] for bars in (21, 63, 252)}


def _return_inputs(window: Window, rows: np.ndarray, past: _Past) -> dict[str, Floats]:
    """Momentum, drawdown, falls and skewness, in units of the ticker's own volatility."""
    yearly = np.sqrt(np.maximum(_at(window, rows, "range_variance_252"), LEAST_VARIANCE))
    monthly = np.sqrt(np.maximum(_at(window, rows, "realised_variance_21"), LEAST_VARIANCE))
    squares = past.returns**2
    falls = np.where(past.returns < 0.0, squares, 0.0)
    centred = past.returns[:, -63:] - _mean(past.returns, 63)[:, None]
    second = np.maximum((centred**2).mean(axis=1), LEAST_VARIANCE)
    return {
        "momentum_5": past.returns[:, -5:].sum(axis=1) / (yearly * np.sqrt(5.0)),
        "momentum_21": _at(window, rows, "momentum_21") / (monthly * np.sqrt(21.0)),
        "momentum_63": _at(window, rows, "momentum_63") / (yearly * np.sqrt(63.0)),
        "momentum_252": _at(window, rows, "momentum_252") / (yearly * np.sqrt(252.0)),
        "drawdown_252": _at(window, rows, "drawdown_252") / (yearly * np.sqrt(252.0)),
        "falls_21": falls[:, -21:].sum(axis=1) / np.maximum(squares[:, -21:].sum(axis=1), LEAST_VARIANCE),
        "falls_63": falls[:, -63:].sum(axis=1) / np.maximum(squares[:, -63:].sum(axis=1), LEAST_VARIANCE),
        "skewness_63": (centred**3).mean(axis=1) / second**1.5,
    }


def _season(values: Floats, quarter: int, bars: int = HORIZON) -> Floats:
    """Largest value, shape (m,), among the `bars` bars that lie `quarter` bars before the horizon ahead."""
    stop = INPUT_BARS - (quarter - bars)
    largest: Floats = values[:, stop - bars : stop].max(axis=1)
    return largest


def _folded(values: Floats, slack: int, quarters: int, join: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """The calendar of reports: the largest score expected in the horizon ahead, and in the rest of the quarter.

    A day's score is the largest within `slack` bars of the same day one … `quarters` quarters earlier, joined over the
    quarters that the history holds.
    """
    around = np.lib.stride_tricks.sliding_window_view(values, 2 * slack + 1, axis=1).max(axis=2)
    days = QUARTER - slack
    starts = [INPUT_BARS - slack - QUARTER * k for k in range(1, quarters + 1)]
    parts = np.stack([around[:, start : start + days] for start in starts])
    score = join(parts)
    return score[:, :HORIZON].max(axis=1), score[:, HORIZON:].max(axis=1)


def _present_mean(parts: Floats) -> Floats:
    """Mean over the first axis of the parts that are there; NaN where none is."""
    present = np.isfinite(parts)
    count = present.sum(axis=0)
    return np.where(count > 0, np.where(present, parts, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _least(parts: Floats) -> Floats:
    least: Floats = parts.min(axis=0)
    return least


def _report_inputs(past: _Past) -> dict[str, Floats]:
    """Whether the quarterly report lies ahead, how large reports are, and whether there was one just now."""
    quarters = [QUARTER * k for k in range(1, SEASON_QUARTERS + 1)]
    size = np.stack([_season(past.size, k) for k in quarters])
    spike = np.stack([_season(past.spike, k) for k in quarters])
    score = np.stack([_season(past.score, k) for k in quarters])
    usual = np.stack([past.size[:, INPUT_BARS - k : INPUT_BARS - k + QUARTER].max(axis=1) for k in quarters]).mean(axis=0)
    calendar_ahead, calendar_after = _folded(past.report, CALENDAR_SLACK, QUARTERS, _present_mean)
    size_ahead, size_after = _folded(past.size, SIZE_SLACK, SEASON_QUARTERS, _least)
    newest = past.score[:, -QUARTER:]
    since = np.where(np.isfinite(newest).all(axis=1), QUARTER - 1.0 - np.nan_to_num(newest).argmax(axis=1), np.nan)
    return {
        "season_size": size.mean(axis=0),
        "season_size_least": size.min(axis=0),
        "season_spike": spike.mean(axis=0),
        "season_spike_least": spike.min(axis=0),
        "season_score": score.mean(axis=0),
        "report_size": usual,
        "season_share": size.mean(axis=0) / np.maximum(usual, 0.05),
        "calendar_ahead": calendar_ahead,
        "calendar_after": calendar_after,
        "calendar_size_ahead": size_ahead,
        "calendar_size_after": size_after,
        "bars_since_report": since,
        "size_now": past.size[:, -MONTH:].max(axis=1),
        "spike_now": past.spike[:, -MONTH:].max(axis=1),
        "score_now": past.score[:, -MONTH:].max(axis=1),
        "volume_5": _mean(past.spike, 5),
        "volume_21": _mean(past.spike, 21),
    }


def _error_inputs(window: Window, rows: np.ndarray) -> dict[str, Floats]:
    """Errors of a fixed log-HAR over the past year: of the newest whole horizon, and on average."""
    expected = sum(slope * _log(window.column(name)) for name, slope in FIXED_HAR.items())
    index = rows[:, None] + np.arange(1 - YEAR, 1)
    before = index - HORIZON
    realised = np.where(index >= 0, _log(window.column("realised_variance_21"))[np.maximum(index, 0)], np.nan)
    error = realised - np.where(before >= 0, np.asarray(expected)[np.maximum(before, 0)], np.nan)
    present = np.isfinite(error)
    count = present.sum(axis=1)
    mean = np.where(present, error, 0.0).sum(axis=1) / np.maximum(count, 1)
    return {"error_last": error[:, -1], "error_year": np.where(count >= QUARTER, mean, np.nan)}


#: The net's sequence: a year in steps of two weeks.
STEPS: Final = 26
STEP_BARS: Final = 10
SEQUENCE_NAMES: Final = ("variance", "largest_variance", "spike", "report", "momentum", "overnight_share")


def market_sequences(window: Window, rows: np.ndarray) -> Floats:
    """What the net reads after each of the bars `rows`: shape (m, STEPS, len(SEQUENCE_NAMES)), the newest step last.

    Each step sums up two weeks: its mean and largest variance against the year's, volume, marks of reports, return in units of
    volatility, overnight share of variance. NaN before the history begins.
    """
    past = _past(window, rows)

    def steps(values: Floats) -> Floats:
        return values[:, -STEPS * STEP_BARS :].reshape(len(values), STEPS, STEP_BARS)

    with np.errstate(invalid="ignore", divide="ignore"):
        variance = steps(past.variance).mean(axis=2)
        usual = window.column("log_range_variance_252")[rows, None]
        parts = {
            "variance": _log(variance) - usual,
            "largest_variance": _log(steps(past.variance).max(axis=2)) - usual,
            "spike": steps(past.spike).mean(axis=2),
            "report": steps(past.report).max(axis=2),
            "momentum": steps(past.returns).sum(axis=2) / np.exp(0.5 * usual),
            "overnight_share": (steps(past.overnight) ** 2).mean(axis=2) / np.maximum(variance, LEAST_VARIANCE),
        }
    return np.stack([parts[name] for name in SEQUENCE_NAMES], axis=2)
