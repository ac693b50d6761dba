"""How a trained ticker's monitors stand after its last bar: a pure function of what was trained and the bars since.

The row of the bar before saves the work: it carries the monitors up to there and the forecasts that the last bar judges. Where
it is missing, of another training or of other bars, everything since the cut-off is judged again, to the same bytes.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import fields

import numpy as np

from errors import ModelError
from history.ticker_state import TickerState
from history.windows import window_of
from models.contract import HorizonForecast, Window
from models.results import TrainedTicker
from models.selection.combination import Combination
from models.selection.drift import Monitors, advanced, is_settled, outcome_of
from models.serving import FEATURE_BARS, LoadedTicker
from records import Bars, Drift, Forecast, date_of, day_number
from settings import Settings

logger = logging.getLogger(__name__)


def monitored(
    state: TickerState, loaded: LoadedTicker, window: Window, previous: Forecast | None, settings: Settings
) -> Drift | None:
    """The monitors after the last bar of the state and of `window`; None where no candidate has weight.

    `previous` is a row that the same training may have made, at any bar.
    """
    trained = loaded.trained
    monitors, combination = trained.monitors, trained.combination
    if monitors is None or combination is None:
        return None
    bars = state.bars
    first = int(np.searchsorted(bars.day, trained.cutoff, side="right"))
    row = max(first, len(bars) - len(window) + 1)
    answers: dict[str, HorizonForecast] | None = None
    resumed = None if previous is None else _resumed(previous, bars, first, trained)
    if previous is not None and resumed is not None:
        row = resumed
        answers = {o.model: HorizonForecast(o.horizon_return, o.daily_variance) for o in previous.opinions}
        monitors = _monitors(monitors.level, previous)
    while row < len(bars) and not is_settled(monitors):
        if answers is None:
            known = window_of(state, settings.lookback, stop=row, feature_bars=FEATURE_BARS)
            answers = _answers(loaded, combination, known)
        if combination.names <= answers.keys():
            monitors = advanced(monitors, combination, answers, outcome_of(window, row - len(bars)), settings.horizon)
        answers = None
        row += 1
    return Drift(
        as_of=date_of(bars.day[-1]),
        digest=_digest(trained.digest, bars[first:]),
        returns=monitors.returns,
        variance=monitors.variance,
    )


def first_alarm(drift: Drift, cutoff: int) -> int | None:
    """Day number of the first alarm since the training; None while there is none."""
    alarms = [day_number(monitor.alarm) for monitor in (drift.returns, drift.variance) if monitor and monitor.alarm]
    return min((day for day in alarms if day > cutoff), default=None)


def _resumed(previous: Forecast, bars: Bars, first: int, trained: TrainedTicker) -> int | None:
    """The row of the bar after `previous`, if it was made by this training from these bars."""
    made_by = (previous.settings_hash, previous.code_version)
    if previous.drift is None or made_by != (trained.settings_hash, trained.code_version):
        return None
    row = int(np.searchsorted(bars.day, day_number(previous.as_of), side="right"))
    return row if row >= first and previous.drift.digest == _digest(trained.digest, bars[first:row]) else None


def _monitors(level: float, previous: Forecast) -> Monitors:
    assert previous.drift is not None, "resumed from a row with monitors"
    return Monitors(level=level, returns=previous.drift.returns, variance=previous.drift.variance)


def _answers(loaded: LoadedTicker, combination: Combination, window: Window) -> dict[str, HorizonForecast]:
    answers = {}
    for name in sorted(combination.names & loaded.models.keys()):
        try:
            answers[name] = loaded.models[name].forecast(window)
        except ModelError as error:
            logger.debug("bar not judged ticker=%s as_of=%s reason=%s", window.ticker, window.as_of, error)
    return answers


def _digest(training: bytes, bars: Bars) -> bytes:
    digest = hashlib.blake2b(training, digest_size=16)
    for field in fields(bars):
        digest.update(getattr(bars, field.name).data)
    return digest.digest()
