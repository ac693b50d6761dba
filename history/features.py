"""The rolling features of a ticker: their names, their lookbacks, and the update of their state with new bars.

All features are computed from split-adjusted prices of the bar itself and the bars before it. A feature is NaN until its
lookback is complete. Where definitions leave a choice:

- returns are total log returns, ln((C + D) / C₋₁), and overnight returns ln((O + D) / C₋₁), with D the dividend of the
  bar's date;
- the range variance of a day is Parkinson's (1980) ln(H/L)² / (4 ln 2) plus the squared overnight return;
- `log_range_variance` is a mean of logs, of daily variances not below `VARIANCE_FLOOR`;
- exponentially weighted means weigh all bars since the first and divide by the sum of weights (pandas `ewm(adjust=True)`),
  so that no seed is needed; EWMA variance with decay 0.94 and 0.97 after RiskMetrics (1996), MACD with spans 12, 26 and 9
  (Appel), line, signal and histogram relative to the close;
- RSI is Wilder's (1978): the mean of the first 14 close-to-close changes, then smoothed by 1/14 (as in TA-Lib), and 50 if no
  close changed;
- `volume_zscore` is of ln(1 + volume), against the mean and population standard deviation of the last 63 bars (the bar
  included); it is 0 if the volume does not vary;
- `drawdown_252` is the close relative to the highest close of the last 252 bars (the bar included), ≤ 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from errors import StateCorruptError
from history.feature_kernel import (
    ABSOLUTE_INDEXES,
    CONTEXT_BARS,
    RETURN_MEANS,
    STATE_SIZE,
    VARIANCE_FLOOR,
    advance,
    daily_values,
)
from history.ticker_state import BLOCK_BARS
from records import Bars, Floats

__all__ = [
    "CONTEXT_BARS",
    "FEATURES",
    "FEATURE_NAMES",
    "MARK_FEATURES",
    "RETURN_MEANS",
    "STATE_SIZE",
    "VARIANCE_FLOOR",
    "Feature",
    "FeatureRows",
    "advance_rows",
    "advance_state",
    "check_rolling_state",
    "daily_rows",
    "initial_state",
    "rebased",
]


@dataclass(frozen=True, slots=True)
class Feature:
    """A rolling feature. From `lookback` bars on, the bar itself included, it is not NaN."""

    family: str
    lookback: int
    parameters: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The family and its parameters: `realised_variance_21`."""
        return "_".join([self.family, *map(str, self.parameters)])


def _over(family: str, *widths: int) -> list[Feature]:
    # A window of w returns needs w + 1 bars.
    return [Feature(family, width + 1, (width,)) for width in widths]


#: In the order of the kernel's output columns: `advance` writes the feature number k into `row[k]`.
FEATURES: Final[tuple[Feature, ...]] = (
    Feature("log_return", 2),
    Feature("overnight_return", 2),
    *_over("overnight_rms", 63),
    *_over("realised_variance", 5, 21, 63, 252),
    *_over("range_variance", 5, 21, 63, 252),
    *_over("log_range_variance", 21, 63, 252),
    # Twice the mean age of the weights, 1 / (1 − decay): from then on the mean covers enough returns.
    Feature("ewma_variance", 34, (94,)),
    Feature("ewma_variance", 67, (97,)),
    *_over("momentum", 21, 63, 252),
    *_over("rsi", 14),
    Feature("macd", 26, (12, 26)),
    Feature("macd_signal", 34, (9,)),
    Feature("macd_histogram", 34, (9,)),
    Feature("volume_zscore", 63, (63,)),
    Feature("drawdown", 252, (252,)),
)
FEATURE_NAMES: Final[tuple[str, ...]] = tuple(feature.name for feature in FEATURES)
#: What marks of a quarterly report rest on: the features that models look back on furthest.
MARK_FEATURES: Final = ("log_return", "overnight_return", "overnight_rms_63", "log_range_variance_63", "volume_zscore_63")


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRows:
    """Features of consecutive bars, shape (n, F), and their daily range variance, shape (n,)."""

    features: Floats
    range_variance: Floats


def initial_state() -> Floats:
    """The rolling state before a ticker's first bar, shape (STATE_SIZE,)."""
    return np.zeros(STATE_SIZE)


def check_rolling_state(ticker: str, feature_state: Floats, snapshots: Floats) -> None:
    """Raise StateCorruptError if stored rolling states do not have the size that this code computes with.

    Compiled code does not check bounds. It would read and write beyond the end of a shorter state.
    """
    if feature_state.shape != (STATE_SIZE,) or snapshots.shape[1:] != (STATE_SIZE,):
        raise StateCorruptError(
            f"{ticker}: its stored rolling state has {feature_state.size} values where this version needs {STATE_SIZE}; "
            "delete the state folder and run again: it is rebuilt from the bars"
        )


def rebased(states: Floats, first_index: int) -> Floats:
    """States (any leading shape) with true bar indexes; they were computed as if bar `first_index` were the ticker's first."""
    moved = states.copy()
    moved[..., ABSOLUTE_INDEXES] += first_index
    return moved


def advance_state(state: Floats, bars: Bars, start: int) -> tuple[Floats, Floats]:
    """The state after `bars[start:]`, and the snapshots before each of these bars that begins a block, shape (k, STATE_SIZE).

    `state` is the state before `bars[start]`. `bars[:start]` must hold the CONTEXT_BARS bars before it, or all that there ever
    were.
    """
    after = state.copy()
    seen = int(state[0])
    blocks = -(-(seen + len(bars) - start) // BLOCK_BARS) - -(-seen // BLOCK_BARS)
    snapshots = np.empty((blocks, STATE_SIZE))
    _advance(after, bars, start, start, after, snapshots, FeatureRows(np.empty((0, len(FEATURES))), np.empty(0)))
    return after, snapshots


def advance_rows(
    state: Floats,
    bars: Bars,
    start: int,
    *,
    rows: FeatureRows | None = None,
    whole: int | None = None,
    resumed: Floats | None = None,
) -> FeatureRows:
    """Features of `bars[start:]`; `state` and context as for `advance_state`. They are written to `rows`, if given.

    With the state `resumed` before `bars[whole]`, the bars before that have MARK_FEATURES alone, in half of the time.
    """
    if whole is None or resumed is None:
        whole, resumed = start, state
    count = len(bars) - start
    if rows is None:
        rows = FeatureRows(np.empty((count, len(FEATURES))), np.empty(count))
    snapshots = np.empty((count // BLOCK_BARS + 1, STATE_SIZE))
    _advance(state.copy(), bars, start, whole, resumed, snapshots, rows)
    return rows


def daily_rows(bars: Bars, start: int, stop: int) -> tuple[Floats, Floats]:
    """Log returns and range variances of `bars[start:stop]`: the bits of `advance_rows` at a tenth of its cost."""
    log_return, range_variance = np.empty((2, stop - start))
    opening, high, low, close, dividend = (
        column[:stop] for column in (bars.open, bars.high, bars.low, bars.close, bars.dividend)
    )
    daily_values(opening, high, low, close, dividend, start, log_return, range_variance)
    return log_return, range_variance


def _advance(state: Floats, bars: Bars, start: int, whole: int, resumed: Floats, snapshots: Floats, rows: FeatureRows) -> None:
    for known in (state, resumed):
        if known.shape != (STATE_SIZE,):
            message = f"a rolling state of shape {known.shape} where {(STATE_SIZE,)} is needed"
            raise ValueError(message)
    if int(state[0]) > start and start < CONTEXT_BARS:
        message = f"{start} bars of context where {min(int(state[0]), CONTEXT_BARS)} are needed"
        raise ValueError(message)
    advance(
        state,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
        bars.dividend,
        start,
        whole,
        resumed,
        BLOCK_BARS,
        snapshots,
        rows.features,
        rows.range_variance,
    )
