"""A state folder as a run leaves it: trained tickers and a young one, up to any bar of a made-up market."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pytest

from history.forecasting import refresh, training_job
from history.pipeline import absorb
from history.ticker_state import TickerState
from models.results import TrainedTicker, encode_trained
from models.training import train_ticker
from records import Bars, Forecast, date_of
from settings import ModelName, Settings
from state.folder import StateFolder
from tests.made.bars import batch, walk

#: Small, and with a second model: what serves before its cut-off is the baseline alone.
CHOSEN = Settings(
    _env_file=None, models=(ModelName.HAR, ModelName.XGBOOST), lookback=504, minimum_bars=504, history_bars=756,
    price_provider="none",
)  # fmt: skip
#: The last bar is that of a Thursday, so the newest training is up to the Friday before, the fifth bar from the end.
_COUNTS = {"AAA": 519, "BBB": 518, "CCC": 519, "NEW": 90}
BARS: Mapping[str, Bars] = {ticker: walk(519, seed)[519 - count :] for seed, (ticker, count) in enumerate(_COUNTS.items())}
CUTOFF = -5


def date_at(row: int) -> dt.date:
    return date_of(BARS["AAA"].day[row])


def settings_of(folder: Path, **changes: object) -> Settings:
    return CHOSEN.model_copy(update={"state_dir": folder, **changes})


def state_up_to(ticker: str, bars: Bars) -> TickerState:
    message = batch(bars, ticker=ticker)
    state, _ = absorb(None, message, today=message.as_of, settings=CHOSEN)
    assert state is not None
    return state


def training_of(state: TickerState) -> TrainedTicker | None:
    return None if state.due is None else train_ticker(training_job(state, state.due, CHOSEN))


def rows_up_to(rows: int | None) -> dict[str, Forecast]:
    """What a run over the bars without the last few writes."""
    states = [state_up_to(ticker, bars[:rows]) for ticker, bars in BARS.items()]
    return {state.ticker: refresh(state, training_of(state), CHOSEN) for state in states}


def run_folder(temporary: pytest.TempPathFactory) -> Path:
    """A new folder of a run over all bars."""
    path = temporary.mktemp("earlier") / "state"
    write_run(path)
    return path


def write_run(folder: Path, bars: Mapping[str, Bars] = BARS) -> None:
    """The folder of a run over all bars."""
    with StateFolder(folder).open_writer() as writer:
        for ticker, held in bars.items():
            state = state_up_to(ticker, held)
            trained = training_of(state)
            writer.history.save(state, changed_from=0)
            writer.forecasts.put(refresh(state, trained, CHOSEN))
            if trained is not None:
                writer.models.put(ticker, encode_trained(trained))
