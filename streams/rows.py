"""The row of a ticker and its missing training, for both engines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from errors import SchemaError, StateCorruptError, StateError
from history.forecasting import refresh, wanted_training
from history.ticker_state import DueTraining, TickerState
from models.results import TrainedTicker
from models.serving import LoadedTicker
from records import Forecast
from settings import Settings

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


def make_row(
    state: TickerState,
    trained: TrainedTicker | None,
    load: Callable[[TrainedTicker], LoadedTicker],
    settings: Settings,
    *,
    reason: str | None,
    previous: Callable[[], Forecast | None],
) -> tuple[Forecast, DueTraining | None]:
    """The row for the state's last bar, and the training that is missing, if one is.

    `trained` is the newest usable result, and `load` decodes its models. If the models fail, the row is made without them and
    gives the reason, and the error is logged. `reason` says why there is no result. `previous` gives the ticker's stored row.
    Raises StateError and SchemaError of `previous`.
    """
    loaded, row = None, None
    # An error of one ticker's models must not stop the others.
    if trained is not None:
        try:
            loaded = load(trained)
        except Exception as error:
            logger.exception("models failed ticker=%s", state.ticker)
            reason = _failed(error)
    if loaded is not None:
        try:
            row = refresh(state, loaded, settings, previous=previous)
        except (StateError, SchemaError):
            raise
        except Exception as error:
            logger.exception("models failed ticker=%s", state.ticker)
            reason = _failed(error)
    if row is None:
        row = refresh(state, None, settings, reason=reason)
    return row, wanted_training(state, trained, row, settings)


def _failed(error: Exception) -> str:
    return f"its trained models failed: {type(error).__name__}: {error}"


def readable_models(ticker: str, read: Callable[[], Value | None]) -> Value | None:
    """The result of `read`; None, with a warning, if the stored models are damaged. The ticker is then trained again."""
    try:
        return read()
    except StateCorruptError as error:
        logger.warning("stored models unreadable, trained again ticker=%s reason=%s", ticker, error)
        return None


def readable_row(ticker: str, read: Callable[[], Forecast | None]) -> Forecast | None:
    """The result of `read`; None, with a warning, if the stored row is damaged. The row is then replaced."""
    try:
        return read()
    except StateCorruptError as error:
        logger.warning("unreadable forecast row not used ticker=%s reason=%s", ticker, error)
        return None
