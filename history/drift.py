"""The drift monitors of a trained ticker after its last bar: a pure function of the training and the bars since its cut-off.

The row of the previous bar saves most of the work: it carries the monitors up to that bar, and the forecasts that the last bar
judges. If that row is missing, or comes from another training or other bars, all bars since the cut-off are judged again, with
the same bytes as result.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import fields
from typing import Final

from errors import ModelError
from history.ticker_state import TickerState
from history.windows import window_of
from models.contract import HorizonForecast, Window
from models.results import TrainedTicker
from models.selection.combination import Combination
from models.selection.drift import Monitors, advanced, is_settled, outcome_of
from models.serving import FEATURE_BARS, MARK_BARS, LoadedTicker
from records import Bars, Drift, Forecast, date_of, day_number
from settings import Settings

logger = logging.getLogger(__name__)

_COLUMNS: Final = tuple(field.name for field in fields(Bars))


def monitored(
    state: TickerState, loaded: LoadedTicker, window: Window, previous: Forecast | None, settings: Settings
) -> Drift | None:
    """The monitors after the last bar of the state and of `window`; None if no candidate has weight.

    `previous` is an earlier row of the ticker. It is used if the same training made it.
    """
    trained = loaded.trained
    monitors, combination = trained.monitors, trained.combination
    if monitors is None or combination is None:
        return None
    bars = state.bars
    first = int(bars.day.searchsorted(trained.cutoff, side="right"))
    row = max(first, len(bars) - len(window) + 1)
    names = combination.names
    forecasts: dict[str, HorizonForecast] | None = None
    resumed = None if previous is None else _resumed(previous, bars, first, trained)
    if previous is not None and resumed is not None:
        row = resumed
        forecasts = {
            opinion.model: HorizonForecast(opinion.horizon_return, opinion.daily_variance)
            for opinion in previous.opinions
            if opinion.model in names
        }
        monitors = _monitors(monitors.level, previous)
    while row < len(bars) and not is_settled(monitors):
        if forecasts is None:
            known = window_of(state, settings.lookback, stop=row, feature_bars=FEATURE_BARS, mark_bars=MARK_BARS)
            forecasts = _candidate_forecasts(loaded, combination, known)
        if names <= forecasts.keys():
            monitors = advanced(monitors, combination, forecasts, outcome_of(window, row - len(bars)), settings.horizon)
        forecasts = None
        row += 1
    return Drift(
        as_of=date_of(bars.day[-1]),
        digest=_digest(trained.digest, bars, slice(first, None)),
        returns=monitors.returns,
        variance=monitors.variance,
    )


def first_alarm(drift: Drift, cutoff: int) -> int | None:
    """Day number of the first alarm since the training, or None."""
    alarms = [day_number(monitor.alarm) for monitor in (drift.returns, drift.variance) if monitor and monitor.alarm]
    return min((day for day in alarms if day > cutoff), default=None)


def _resumed(previous: Forecast, bars: Bars, first: int, trained: TrainedTicker) -> int | None:
    """The row number of the bar after `previous`, or None if another training or other bars made that row."""
    made_by = (previous.settings_hash, previous.code_version)
    if previous.drift is None or made_by != (trained.settings_hash, trained.code_version):
        return None
    row = int(bars.day.searchsorted(day_number(previous.as_of), side="right"))
    return row if row >= first and previous.drift.digest == _digest(trained.digest, bars, slice(first, row)) else None


def _monitors(level: float, previous: Forecast) -> Monitors:
    assert previous.drift is not None, "resumed from a row with monitors"
    return Monitors(level=level, returns=previous.drift.returns, variance=previous.drift.variance)


def _candidate_forecasts(loaded: LoadedTicker, combination: Combination, window: Window) -> dict[str, HorizonForecast]:
    forecasts = {}
    for name in sorted(combination.names & loaded.models.keys()):
        try:
            forecasts[name] = loaded.models[name].forecast(window)
        except ModelError as error:
            logger.debug("bar not judged ticker=%s as_of=%s reason=%s", window.ticker, window.as_of, error)
    return forecasts


def _digest(training: bytes, bars: Bars, rows: slice) -> bytes:
    """Of the training and the content of some of the bars."""
    digest = hashlib.blake2b(training, digest_size=16)
    for name in _COLUMNS:
        digest.update(getattr(bars, name)[rows].data)
    return digest.digest()
