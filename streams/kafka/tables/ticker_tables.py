"""The three tables of a worker, typed: histories, models, forecasts.

A ticker's rows lie in the partition of its key. Recently used values stay in memory until the next rebalance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, cast

import faust
import msgspec
from cachetools import LRUCache

from broker.topics import FORECASTS as FORECASTS_TOPIC
from broker.topics import changelog_name, partition_of
from history.forecasting import is_usable
from history.ticker_state import TickerState
from models.results import TrainedTicker, decode_trained, encode_trained
from models.serving import LoadedTicker, load_trained
from records import Forecast, encode_forecast
from settings import Settings
from state.forecast_table import decode_row
from state.history_codec import Head, block_prefix, decode_head
from state.model_store import STORED_VERSION, StoredModel, decode_stored, encode_stored
from state.record_codec import StoredBlocks, decode_record, encode_writes, head_of_record, record_key
from streams.kafka.sending.sender import raw_topic
from streams.kafka.tables.log_table import LogTable

HISTORY: Final = "history"
MODELS: Final = "models"
FORECASTS: Final = "forecasts"

#: Enough states for tickers that continue in the next turn. 500 states of five years would take 60 MB, and reading one takes a
#: quarter of a millisecond. Models take longer to decode.
_HELD_STATES: Final = 64
_HELD_MODELS: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    state: TickerState
    stored: StoredBlocks


@dataclass(frozen=True, slots=True, eq=False)
class _HeldModel:
    """A ticker's trained models, decoded, and when they were stored (seconds since 1970)."""

    loaded: LoadedTicker
    stored_at: float


class TickerTables:
    """Typed access to the tables.

    Reads raise StateCorruptError or SchemaError, writes raise StateCorruptError. After each of them the partition has to be
    proven again.
    """

    def __init__(self, app: faust.App, settings: Settings, *, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self.history = _table(app, settings, HISTORY, changelog_name(HISTORY))
        self.models = _table(app, settings, MODELS, changelog_name(MODELS))
        # The public topic is the changelog: a row is sent once, for all readers.
        self.forecasts = _table(app, settings, FORECASTS, FORECASTS_TOPIC)
        self._states: LRUCache[str, _Held] = LRUCache(_HELD_STATES)
        self._models: LRUCache[str, _HeldModel] = LRUCache(_HELD_MODELS)

    @property
    def all(self) -> tuple[LogTable, ...]:
        """The three tables."""
        return self.history, self.models, self.forecasts

    def forget(self) -> None:
        """Drop the values in memory. After a rebalance another worker may have written newer values."""
        self._states.clear()
        self._models.clear()

    def is_damaged(self, number: int) -> bool:
        """Whether a copy of this partition could not be read. It is then restored from its changelog soon."""
        return any(log is None or log.failure is not None for log in (table.data.logs.get(number) for table in self.all))

    def forget_ticker(self, ticker: str) -> None:
        """Delete a ticker's history and models. Its forecast stays until the next forecast is written."""
        number = self.partition(ticker)
        log = self.history.data.logs[number]
        for key in log.all_keys():
            if key == record_key(ticker) or key.startswith(block_prefix(ticker)):
                log.put(key, None)
        self.models.put_in(number, ticker.encode(), None)
        self._states.pop(ticker, None)
        self._models.pop(ticker, None)

    def partition(self, ticker: str) -> int:
        """The partition of the ticker's bars, rows and requests."""
        return partition_of(ticker.encode(), self._settings.kafka_partitions)

    def tickers(self) -> list[str]:
        """All tickers with a row in this worker's partitions. Raises StateCorruptError."""
        return [key.decode() for log in list(self.forecasts.data.logs.values()) for key in log.all_keys()]

    def state(self, ticker: str) -> TickerState | None:
        """The ticker's state; None without one."""
        held = self._held(ticker)
        return None if held is None else held.state

    def _held(self, ticker: str) -> _Held | None:
        held = self._states.get(ticker)
        if held is None:
            number = self.partition(ticker)
            payload = self.history.get_in(number, record_key(ticker))
            if payload is None:
                return None
            held = _Held(*decode_record(ticker, payload, partial(self.history.get_in, number)))
            self._states[ticker] = held
        return held

    def save(self, state: TickerState, *, changed_from: int) -> None:
        """Write a state, from the block of absolute bar index `changed_from` on. The state must have a bar."""
        held = self._held(state.ticker)
        writes = encode_writes(state, None if held is None else held.stored, changed_from)
        number = self.partition(state.ticker)
        for key, value in [*writes.before, (record_key(state.ticker), writes.record), *writes.after]:
            self.history.put_in(number, key, value)
        self._states[state.ticker] = _Held(state, writes.stored)

    def peek_head(self, ticker: str) -> Head | None:
        """The head of the ticker's history; None without a history."""
        payload = self.history.get_in(self.partition(ticker), record_key(ticker))
        return None if payload is None else decode_head(ticker, head_of_record(ticker, payload))

    def load_models(self, trained: TrainedTicker, stored_at: float) -> LoadedTicker:
        """The models of a result of `peek_model`, decoded. Raises StateCorruptError, SchemaError."""
        held = self._models.get(trained.ticker)
        if held is None:
            held = _HeldModel(_without_models(load_trained(trained)), stored_at)
            self._models[trained.ticker] = held
        return held.loaded

    def peek_model(self, ticker: str) -> tuple[TrainedTicker, float] | None:
        """The ticker's result if it was made by this code under these settings, and since when it is stored.

        Raises StateCorruptError, SchemaError.
        """
        held = self._models.get(ticker)
        if held is not None:
            return held.loaded.trained, held.stored_at
        payload = self.models.get_in(self.partition(ticker), ticker.encode())
        if payload is None:
            return None
        stored = decode_stored(ticker, payload)
        trained = decode_trained(stored.payload)
        return (trained, stored.stored_at) if is_usable(trained, self._settings) else None

    def save_model(self, trained: TrainedTicker) -> None:
        """Write a training's result, stored now."""
        stored = StoredModel(STORED_VERSION, self._clock(), encode_trained(trained))
        self.models.put_in(self.partition(trained.ticker), trained.ticker.encode(), encode_stored(stored))
        held = _HeldModel(_without_models(load_trained(trained)), stored.stored_at)
        self._models[trained.ticker] = held

    def forecast(self, ticker: str) -> Forecast | None:
        """The ticker's row, None if there is none. Raises StateCorruptError, or SchemaError for a newer version."""
        payload = self.forecast_payload(ticker)
        return None if payload is None else decode_row(ticker, payload)

    def forecast_payload(self, ticker: str) -> bytes | None:
        """The bytes of the ticker's row, None if there is none."""
        return self.forecasts.get_in(self.partition(ticker), ticker.encode())

    def save_forecast(self, row: Forecast) -> None:
        """Write a forecast row, which publishes it."""
        self.forecasts.put_in(self.partition(row.ticker), row.ticker.encode(), encode_forecast(row))


def _without_models(loaded: LoadedTicker) -> LoadedTicker:
    # The encoded models, some 70 kB a ticker, are not needed after decoding.
    return replace(loaded, trained=msgspec.structs.replace(loaded.trained, models={}))


def _table(app: faust.App, settings: Settings, name: str, topic: str) -> LogTable:
    made = app.Table(
        name,
        key_type=bytes,
        value_type=bytes,
        partitions=settings.kafka_partitions,
        changelog_topic=raw_topic(app, settings, topic),
    )
    return cast("LogTable", made)
