"""Frames as `yfinance.download` returns them, in all their shapes, as columns by ticker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from errors import ProviderError
from records import PRICE_COLUMNS, Days, Floats
from text import shortened

if TYPE_CHECKING:
    import pandas as pd

#: yfinance's name → ours.
_NAMES: Final = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Volume": "volume",
    "Adj Close": "adjusted_close",
    "Dividends": "dividend",
    "Stock Splits": "split",
}
_NEEDED: Final = ("Open", "High", "Low", "Close", "Volume")
#: What stands where nothing happened, in our records.
_NONE: Final = {"dividend": 0.0, "split": 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class TickerColumns:
    """What a frame has of one ticker, dates rising: `day` (n,), `values` float64 (n,) under our names, NaN where there is none.

    `open`, `high`, `low`, `close` and `volume` are always there. With `adjusted_close` the prices are as printed up to splits,
    without it they are adjusted for dividends, too. `dividend` and `split` are there if actions were asked for.
    """

    day: Days
    values: dict[str, Floats]


def columns_by_ticker(frame: pd.DataFrame, tickers: Sequence[str]) -> dict[str, TickerColumns]:
    """The columns of each of `tickers` that the frame has any price of.

    The frame may have flat columns (one ticker) or two levels in either order. A ticker of which every price is missing
    (delisted, unknown, failed) is left out, and days on which only others traded are not its own. Raises ProviderError for any
    other shape.
    """
    day = _days(frame)
    found: dict[str, TickerColumns] = {}
    for ticker, part in _parts(frame, tickers).items():
        columns = {
            ours: np.array(part[theirs].to_numpy(dtype=np.float64, na_value=np.nan))
            for theirs, ours in _NAMES.items()
            if theirs in part.columns
        }
        prices = np.stack([columns[name] for name in PRICE_COLUMNS])
        traded = ~np.isnan(prices).all(axis=0)
        if traded.any():
            found[ticker] = TickerColumns(
                day[traded], {name: _cleaned(name, column[traded]) for name, column in columns.items()}
            )
    return found


def _parts(frame: pd.DataFrame, tickers: Sequence[str]) -> dict[str, pd.DataFrame]:
    if frame.columns.nlevels == 1:
        if len(tickers) != 1:
            raise ProviderError(f"an answer without ticker names for {len(tickers)} tickers ({shortened(tickers)})")
        parts = {tickers[0]: frame}
    elif frame.columns.nlevels == 2:
        level = next((at for at in (0, 1) if "Close" in frame.columns.get_level_values(at)), None)
        if level is None:
            raise ProviderError(f"an answer without a column Close, for {shortened(tickers)}: {list(frame.columns)[:8]}")
        there = set(frame.columns.get_level_values(1 - level))
        parts = {
            ticker: cast("pd.DataFrame", frame.xs(ticker, axis=1, level=1 - level)) for ticker in tickers if ticker in there
        }
    else:
        raise ProviderError(f"an answer with {frame.columns.nlevels} levels of column names, for {shortened(tickers)}")
    for ticker, part in parts.items():
        lacking = [name for name in _NEEDED if name not in part.columns]
        if lacking or part.columns.has_duplicates:
            what = f"no column {', '.join(lacking)}" if lacking else "repeated columns"
            raise ProviderError(f"{ticker}: the answer has {what}; it has {', '.join(map(str, part.columns))}")
    return parts


def _days(frame: pd.DataFrame) -> Days:
    import pandas as pd  # noqa: PLC0415 - whoever has a frame has it loaded

    if not isinstance(frame.index, pd.DatetimeIndex):
        raise ProviderError(f"an answer whose rows are not dates but {frame.index.dtype}")
    local = frame.index.tz_localize(None)  # with a zone, the date that the clocks there showed
    days: Days = local.to_numpy().astype("datetime64[D]").astype(np.int32)
    if (np.diff(days) <= 0).any():
        raise ProviderError("an answer whose dates do not rise")
    return days


def _cleaned(name: str, column: Floats) -> Floats:
    if name in _NONE:
        return np.where(np.isnan(column) | (column == 0.0), _NONE[name], column)
    return column if name == "volume" else _as_printed(column)


def _as_printed(price: Floats) -> Floats:
    """121.08999633789062 → 121.09: Yahoo's prices are single precision, and the shortest decimal is what was printed.

    Whatever is not exactly of single precision stays as it is.
    """
    with np.errstate(over="ignore"):
        single = price.astype(np.float32)
    exact = single.astype(np.float64) == price
    return np.where(exact, single.astype(str).astype(np.float64), price)
