"""What follows from a ticker's state and a trained model: the job that is due, whether a result fits it, and the row. Pure."""

from __future__ import annotations

from models.contract import Window
from models.results import CODE_VERSION, TrainedTicker, TrainingJob
from models.serving import LoadedTicker, make_forecast
from records import Forecast
from settings import Settings
from state.ticker_state import DueTraining, TickerState
from streams.windowing import window_of
from streams.windows import bars_to_cutoff, training_window


def training_job(state: TickerState, settings: Settings) -> TrainingJob:
    """The job of the state's due training, which there must be."""
    if state.due is None:
        message = f"{state.ticker}: no training is due"
        raise ValueError(message)
    return TrainingJob(
        window=training_window(state, settings),
        digest=state.due.digest,
        horizon=settings.horizon,
        seed=settings.seed,
        models=tuple(settings.models),
        minimum_bars=settings.minimum_bars,
        settings_hash=settings.forecast_hash,
    )


def is_usable(trained: TrainedTicker, settings: Settings) -> bool:
    """Whether a result, however old its cut-off, was made by this code under these settings."""
    return trained.settings_hash == settings.forecast_hash and trained.code_version == CODE_VERSION


def is_current(trained: TrainedTicker, due: DueTraining | None, settings: Settings) -> bool:
    """Whether a result is that of the due training."""
    return is_usable(trained, settings) and due is not None and (trained.cutoff, trained.digest) == (due.cutoff, due.digest)


def untrained_reason(state: TickerState, settings: Settings) -> str:
    """Why no training is due, or that it has not been done."""
    if state.total_bars < settings.minimum_bars:
        return f"{state.total_bars} bars, {settings.minimum_bars} needed to train"
    known = state.first_index + bars_to_cutoff(state.bars.day, settings.window)
    if known < settings.minimum_bars:
        return f"{known} bars up to the last whole {settings.window}, {settings.minimum_bars} needed to train"
    return "not trained yet"


def refresh(
    state: TickerState, trained: LoadedTicker | TrainedTicker | None, settings: Settings, *, reason: str | None = None
) -> Forecast:
    """The row for the state's last bar, from whatever is trained; `reason` says why nothing is, if it is known better.

    The window is always the last `lookback` bars: the row must not depend on how many more are kept.
    """
    window: Window = window_of(state, settings.lookback)
    return make_forecast(
        window,
        trained,
        horizon=settings.horizon,
        settings_hash=settings.forecast_hash,
        minimum_bars=settings.minimum_bars,
        reason=(reason or untrained_reason(state, settings)) if trained is None else None,
    )
