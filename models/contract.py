"""What every model is: trained on a window, asked for the next `horizon` bars, kept as bytes.

Training may use heavy libraries, imported inside `train`; `forecast`, `to_bytes` and `from_bytes` use NumPy alone. So a
process that only refreshes forecasts (a stream worker, a reader) never loads torch, xgboost or statsmodels, and a refresh
costs microseconds, not an import.
"""

from __future__ import annotations

import datetime as dt
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.packing import pack, unpack
from records import Days, Floats, date_of

Value = TypeVar("Value")


class _Kept:
    """The place of `Window.once`; no field, so it is neither compared, copied nor sent to another process."""

    __slots__ = ("_kept",)
    _kept: dict[tuple[Any, ...], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Window(_Kept):
    """All that a model may see of one ticker: its last n bars and their features, ending at `as_of`.

    `features` has shape (n, F), one column per name in `feature_names`; a feature that lacks its lookback is NaN. `log_return`
    is the total daily log return (NaN for the history's first bar), `range_variance` the daily variance from the bar's range
    and its overnight jump. Nothing in it depends on a later bar.
    """

    ticker: str
    day: Days
    close: Floats
    log_return: Floats
    range_variance: Floats
    features: Floats
    feature_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.day)

    def until(self, stop: int) -> Window:
        """The window's first `stop` bars (views): what was known then."""
        return self.part(0, stop)

    def last(self, count: int) -> Window:
        """The window's last `count` bars (views), or all if it has fewer."""
        have = len(self.day)
        return self if count >= have else self.part(have - count, have)

    def once(self, compute: Callable[..., Value], *arguments: Any) -> Value:
        """`compute(self, *arguments)`, computed once for this window: candidates share what they need of it.

        `compute` must be pure and `arguments` hashable. Nobody may change what is returned.
        """
        if not hasattr(self, "_kept"):
            object.__setattr__(self, "_kept", {})
        key = (compute, *arguments)
        if key not in self._kept:
            self._kept[key] = compute(self, *arguments)
        value: Value = self._kept[key]
        return value

    def part(self, start: int, stop: int) -> Window:
        """Bars start … stop - 1, as views."""
        rows = slice(start, stop)
        return Window(
            self.ticker,
            self.day[rows],
            self.close[rows],
            self.log_return[rows],
            self.range_variance[rows],
            self.features[rows],
            self.feature_names,
        )

    def column(self, name: str) -> Floats:
        """One feature over the window, by its name. KeyError says which names there are."""
        try:
            return self.features[:, self.feature_names.index(name)]
        except ValueError:
            raise KeyError(f"{self.ticker}: no feature {name!r}; there are {', '.join(self.feature_names)}") from None

    def columns(self, names: Iterable[str]) -> Floats:
        """Features over the window by their names, shape (n, k), a copy by rows. ValueError where there is none of a name."""
        chosen: Floats = self.features.take(places_of(self.feature_names, tuple(names)), axis=1)
        return chosen

    @property
    def as_of(self) -> dt.date:
        """Date of the last bar."""
        return date_of(self.day[-1])


@functools.lru_cache(maxsize=64)
def places_of(feature_names: tuple[str, ...], names: tuple[str, ...]) -> NDArray[np.intp]:
    """Columns of the features `names`, shape (k,). ValueError where there is none of a name."""
    places = np.array([feature_names.index(name) for name in names], dtype=np.intp)
    places.setflags(write=False)
    return places


@dataclass(frozen=True, slots=True)
class HorizonForecast:
    """A model's own answer: what to expect over the `horizon` bars after the window's last.

    `horizon_return`: expected simple return over the whole horizon. `daily_variance`: expected mean square of the daily log
    returns.
    """

    horizon_return: float
    daily_variance: float


class Model(ABC):
    """One candidate for one ticker: a frozen dataclass whose fields are all that was fitted.

    `name` is stable: rows and stores contain it. `version` is that of the stored fields. `minimum_bars` is the shortest window
    that `train` accepts, `context_bars` how many bars at the end of its window `forecast` needs (more change nothing).
    `preload` names the heavy modules that `train` imports: training processes load them once, together.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    minimum_bars: ClassVar[int]
    context_bars: ClassVar[int]
    preload: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def train(cls, window: Window, horizon: int, seed: int) -> Self:
        """Fit to the window; labels end at its last bar, so the last `horizon` bars have none.

        Deterministic for a given window, horizon and seed. Raises TooFewBarsError, DegenerateSeriesError or
        TrainingError; never mutates the window.
        """

    @abstractmethod
    def forecast(self, window: Window) -> HorizonForecast:
        """Expectation over the horizon after the window's last bar; finite, with positive variance, or a ModelError.

        The window may end after the one it was trained on: new bars are taken in without a refit.
        """

    def forecasts(self, window: Window, rows: Sequence[int]) -> list[HorizonForecast]:
        """As `forecast`, after each of the bars `rows` of the window, as if no later bar were known."""
        return [self.forecast(window.until(row + 1)) for row in rows]

    def to_bytes(self) -> bytes:
        """Bytes (msgpack) with a schema version; forecasts are the same to the bit after `from_bytes`."""
        return pack(self.name, self.version, self)

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        """The model in these bytes. Raises SchemaError for a newer version, StateCorruptError for anything else."""
        return unpack(payload, cls.name, cls.version, cls)


def horizon_returns(log_return: Floats, horizon: int) -> Floats:
    """Simple total return over the `horizon` bars after each bar, shape (n,); NaN where the horizon is not over yet."""
    n = len(log_return)
    result = np.full(n, np.nan)
    if n > horizon:
        total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(log_return))])
        result[: n - horizon] = np.expm1(total[1 + horizon :] - total[1 : n - horizon + 1])
    return result


def horizon_variances(log_return: Floats, horizon: int) -> Floats:
    """Mean square of the `horizon` daily log returns after each bar, shape (n,); NaN where the horizon is not over yet."""
    n = len(log_return)
    result = np.full(n, np.nan)
    if n > horizon:
        squares = np.lib.stride_tricks.sliding_window_view(log_return[1:] ** 2, horizon)
        result[: n - horizon] = squares.mean(axis=1)[: n - horizon]
    return result
