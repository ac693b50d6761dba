"""The due training, its job, and the forecast row that follow from a ticker's state and its trained models. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable

from history.drift import first_alarm, monitored
from history.schedule import bars_to_cutoff, early_training
from history.ticker_state import DueTraining, TickerState
from history.windows import training_window, window_of
from models.contract import Window
from models.results import TrainedTicker, TrainingJob
from models.serving import FEATURE_BARS, MARK_BARS, LoadedTicker, load_trained, make_forecast
from records import Drift, Forecast, date_of
from settings import DoubtfulSeries, Settings
from version import VERSION

logger = logging.getLogger(__name__)


def training_job(state: TickerState, due: DueTraining, settings: Settings) -> TrainingJob:
    """The job of a due training."""
    return TrainingJob(
        window=training_window(state, due, settings),
        digest=due.digest,
        horizon=settings.horizon,
        seed=settings.seed,
        models=tuple(settings.models),
        minimum_bars=settings.minimum_bars,
        settings_hash=settings.forecast_hash,
    )


def is_usable(trained: TrainedTicker, settings: Settings) -> bool:
    """Whether this code made the result, under these settings; its cut-off may be old."""
    return trained.settings_hash == settings.forecast_hash and trained.code_version == VERSION


def calls_for(state: TickerState, training: DueTraining, settings: Settings) -> bool:
    """Whether a training is the due training of the state, or an early training that follows from it."""
    due = state.due
    return due is not None and training in (due, early_training(state, training.cutoff, settings))


def is_current(trained: TrainedTicker, state: TickerState, settings: Settings) -> bool:
    """Whether the result belongs to the due training, or to an early training that followed from it."""
    return is_usable(trained, settings) and calls_for(state, DueTraining(trained.cutoff, trained.digest), settings)


def wanted_training(state: TickerState, trained: TrainedTicker | None, row: Forecast, settings: Settings) -> DueTraining | None:
    """The training that is still missing after the newest result and the row made with it, or None."""
    if trained is None or not is_current(trained, state, settings):
        return state.due
    alarm = None if row.drift is None else first_alarm(row.drift, trained.cutoff)
    return None if alarm is None else early_training(state, alarm, settings)


def untrained_reason(state: TickerState, settings: Settings) -> str:
    """Why the ticker has no trained model: too few bars, or not trained yet."""
    if state.total_bars < settings.minimum_bars:
        return f"{state.total_bars} bars, {settings.minimum_bars} needed to train"
    known = state.first_index + bars_to_cutoff(state.bars.day, settings.window)
    if known < settings.minimum_bars:
        return f"{known} bars up to the last whole {settings.window}, {settings.minimum_bars} needed to train"
    return "not trained yet"


def no_row() -> Forecast | None:
    """No earlier row is available."""
    return None


def refresh(
    state: TickerState,
    trained: LoadedTicker | TrainedTicker | None,
    settings: Settings,
    *,
    reason: str | None = None,
    previous: Callable[[], Forecast | None] = no_row,
) -> Forecast:
    """The row for the state's last bar, made with the newest trained models. Without any, `reason` may say why.

    The window is always the last `lookback` bars, so the row does not depend on how many bars are kept. `previous` returns the
    ticker's newest row. It is called only if a candidate has weight; it saves work and changes nothing in the row.
    """
    window = window_of(state, settings.lookback, feature_bars=FEATURE_BARS, mark_bars=MARK_BARS)
    loaded = load_trained(trained) if isinstance(trained, TrainedTicker) else trained
    drift = None if loaded is None else _drift(state, loaded, window, settings, previous)
    return make_forecast(
        window,
        loaded,
        horizon=settings.horizon,
        settings_hash=settings.forecast_hash,
        minimum_bars=settings.minimum_bars,
        reason=(reason or untrained_reason(state, settings)) if loaded is None else None,
        drift=drift,
        hold_back=settings.doubtful_series is DoubtfulSeries.HOLD_BACK,
        currencies=state.currencies,
    )


def _drift(
    state: TickerState, loaded: LoadedTicker, window: Window, settings: Settings, previous: Callable[[], Forecast | None]
) -> Drift | None:
    if loaded.trained.monitors is None:
        return None
    known = previous() if is_current(loaded.trained, state, settings) else None
    drift = monitored(state, loaded, window, known, settings)
    alarm = None if drift is None else first_alarm(drift, loaded.trained.cutoff)
    if alarm is not None and (known is None or known.drift is None or first_alarm(known.drift, loaded.trained.cutoff) is None):
        logger.warning("drifted ticker=%s alarm=%s cutoff=%s", state.ticker, date_of(alarm), date_of(loaded.trained.cutoff))
    return drift
