"""The rows that a market model is fitted to: every ticker at the end of every other week of its history."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from errors import TooFewBarsError
from models.contract import Window, horizon_returns
from models.market.inputs import market_inputs
from models.market.sequences import market_sequences
from models.pooling.terms import labelled_rows
from records import Floats

#: A date with fewer tickers tells nothing apart.
MINIMUM_TICKERS: int = 5


@dataclass(frozen=True, slots=True, eq=False)
class FitPanel:
    """n rows over tickers and dates. `ticker` (n,) indexes `tickers`, `week` is the calendar week, `label_day` the last day of
    the label; `inputs` (n, k) and `sequences` (n, steps, j) are float32; `terms` (n, t) are the served regression's,
    `log_variance` and `horizon_return` what came about over the next `horizon` bars.
    """  # noqa: D205 - a list of fields

    tickers: tuple[str, ...]
    ticker: np.ndarray
    week: np.ndarray
    label_day: np.ndarray
    inputs: np.ndarray
    sequences: np.ndarray
    terms: Floats
    log_variance: Floats
    horizon_return: Floats
    horizon: int

    def __len__(self) -> int:
        return len(self.week)

    def part(self, rows: np.ndarray) -> FitPanel:
        """The rows of a mask or of indices."""
        chosen = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name not in ("tickers", "horizon")}
        return FitPanel(self.tickers, **chosen, horizon=self.horizon)


def fit_panel(windows: Iterable[Window], horizon: int) -> FitPanel:
    """The panel of whole histories. Raises TooFewBarsError where no date has enough tickers with a label."""
    tickers: list[str] = []
    parts: list[dict[str, np.ndarray]] = []
    for window in windows:
        labels = labelled_rows(window, horizon)
        if not len(labels.rows):
            continue
        parts.append(
            {
                "ticker": np.full(len(labels.rows), len(tickers)),
                "week": labels.weeks,
                "label_day": window.day[labels.rows + horizon],
                "inputs": market_inputs(window, labels.rows).astype(np.float32),
                "sequences": market_sequences(window, labels.rows).astype(np.float32),
                "terms": labels.terms,
                "log_variance": labels.log_variance,
                "horizon_return": horizon_returns(window.log_return, horizon)[labels.rows],
            }
        )
        tickers.append(window.ticker)
    if parts:
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        joined = FitPanel(tuple(tickers), **columns, horizon=horizon)
        _, index, count = np.unique(joined.week, return_inverse=True, return_counts=True)
        joined = joined.part(count[index] >= MINIMUM_TICKERS)
        if len(joined):
            return joined
    raise TooFewBarsError(
        f"no week has labelled rows of {MINIMUM_TICKERS} tickers: a market model needs several tickers with two years of bars"
    )


def ticker_group(ticker: str, groups: int) -> int:
    """The group of a ticker, the same everywhere: for fits that leave out the tickers they will be judged on."""
    return zlib.crc32(f"group {ticker}".encode()) % groups
