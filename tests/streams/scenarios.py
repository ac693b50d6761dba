"""Scenarios and bars for tests of engines; the fixture `engine` gives an engine.

An engine takes items (batches and refused bars) into a state folder until nothing is left to do, and stops.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from history.ticker_state import TickerState, same_state
from models.results import TrainedTicker, TrainingJob
from models.training import train_ticker
from records import BarBatch, Bars, RejectedBar, encode_forecast
from settings import ModelName, Settings
from state.folder import StateFolder
from tests.made.bars import FETCHED, batch, cut, flat, scaled, walk

#: A cheap candidate, really trained and validated, with short windows.
CHEAP = Settings(models=(ModelName.HAR,), lookback=378, minimum_bars=378, history_bars=630)
#: The ticker whose training fails in `train_or_fail`.
CURSED = "CURSED"


class Engine(Protocol):
    """An engine under test."""

    def run(self, items: Iterable[BarBatch | RejectedBar], state_dir: Path, settings: Settings = CHEAP) -> None:
        """Take all items and run the due trainings."""


def train_or_fail(job: TrainingJob) -> TrainedTicker:
    """The real training, except for CURSED."""
    if job.window.ticker == CURSED:
        raise RuntimeError("a defect of its own")
    return train_ticker(job)


@contextmanager
def silent(total: int | None, description: str) -> Iterator[object]:
    """Progress without output."""
    yield lambda count: None


@dataclass(frozen=True, eq=False)
class Export:
    """The content of a state: rows to the byte, histories, and the training of each ticker."""

    rows: dict[str, bytes]
    states: dict[str, TickerState]

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Export)
        return (
            self.rows == other.rows
            and self.states.keys() == other.states.keys()
            and all(same_state(state, other.states[ticker]) for ticker, state in self.states.items())
        )

    __hash__ = None  # type: ignore[assignment]


def export(state_dir: Path) -> Export:
    with StateFolder(state_dir).open_writer() as writer:
        rows = {row.ticker: encode_forecast(row) for row in writer.forecasts.all()}
        states = {ticker: writer.history.load(ticker) for ticker in writer.history.tickers()}
    return Export(rows, {ticker: state for ticker, state in states.items() if state is not None})


def market(count: int = 700) -> dict[str, Bars]:
    """Three tickers of full length, a ticker with too few bars to train, a ticker whose price hardly moves."""
    return {
        "AAA": walk(count, 1),
        "BBB": walk(count, 2)[100:],
        "CCC": scaled(walk(count, 3), slice(count - 30, None), 0.3),
        "STILL": flat(walk(count, 4), slice(0, None)),
        "YOUNG": walk(count, 5)[count - 150 :],
    }


def batches(bars: dict[str, Bars], size: int = 250, *, as_of: dt.date = FETCHED) -> list[BarBatch]:
    return [
        batch(part, ticker=ticker, as_of=as_of)
        for ticker, of_ticker in bars.items()
        for part in cut(of_ticker, range(0, len(of_ticker), size))
    ]


def in_turns(items: Sequence[BarBatch]) -> list[BarBatch]:
    """The batches in turns: the first of every ticker, then the second of every ticker, and so on."""
    by_ticker: dict[str, list[BarBatch]] = {}
    for item in items:
        by_ticker.setdefault(item.ticker, []).append(item)
    longest = max(map(len, by_ticker.values()))
    return [of_ticker[i] for i in range(longest) for of_ticker in by_ticker.values() if i < len(of_ticker)]


def until(bars: dict[str, Bars], fraction: float) -> dict[str, Bars]:
    """The bars that were known after this fraction of the time."""
    days = np.unique(np.concatenate([of_ticker.day for of_ticker in bars.values()]))
    last = days[int(fraction * (len(days) - 1))]
    known = {ticker: of_ticker[: int(np.searchsorted(of_ticker.day, last, side="right"))] for ticker, of_ticker in bars.items()}
    return {ticker: of_ticker for ticker, of_ticker in known.items() if len(of_ticker)}


def with_volume(bars: Bars, row: int, factor: float) -> Bars:
    columns = {f.name: getattr(bars, f.name) for f in fields(bars)}
    columns["volume"] = columns["volume"].copy()
    columns["volume"][row] *= factor
    return replace(bars, volume=columns["volume"])
