"""The three tables of a worker: histories, models, forecasts; keys and values as everywhere, kept by Faust.

Reads and writes go to the partition of the event that is current (`writing_to`): Faust resolves both by it. What was read or
written lately stays in memory until the partitions are dealt anew.
"""

from __future__ import annotations

import logging
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

import faust
import msgspec

# Faust's only way to say to which partition a write goes when one turn handles messages of several.
from faust.stores.rocksdb import RocksDBOptions
from faust.streams import _current_event
from faust.types import EventT, TableT

from broker.topics import TABLES
from errors import StateCorruptError, StateWriteError
from models.results import TrainedTicker, decode_trained, encode_trained
from models.serving import LoadedTicker, load_trained
from records import Forecast, encode_forecast
from settings import Settings
from state.forecasts import decode_row
from state.history_codec import Head, decode_head
from state.model_store import STORED_VERSION, StoredModel, decode_stored, encode_stored
from state.record_codec import StoredBlocks, decode_record, encode_writes, head_of_record, record_key
from state.shared_memory import SharedMemory
from state.ticker_state import TickerState
from streams.forecasting import is_usable

logger = logging.getLogger(__name__)

HISTORY, MODELS, FORECASTS = TABLES
Entry = TypeVar("Entry")

#: Of states those of a turn that goes on in the next one: 500 of five years would be 60 MB, and are read in a quarter of a
#: millisecond each. Models take longer to decode.
_HELD_STATES: Final = 64
_HELD_MODELS: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    state: TickerState
    stored: StoredBlocks


@dataclass(frozen=True, slots=True, eq=False)
class HeldModel:
    """A ticker's trained models, decoded, and when they were stored (seconds since 1970)."""

    loaded: LoadedTicker
    stored_at: float


@contextmanager
def writing_to(event: EventT[Any]) -> Iterator[None]:
    """Tables read and write the partition of `event` within the block."""
    token = _current_event.set(weakref.ref(event))
    try:
        yield
    finally:
        _current_event.reset(token)


class TickerTables:
    """Typed access to the tables. Every method but `forget` and those that peek needs a current event.

    Reads raise StateCorruptError or SchemaError, writes StateWriteError: after any of them this worker must not go on.
    """

    def __init__(self, app: faust.App, settings: Settings, *, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        memory = SharedMemory(cache_bytes=settings.worker_cache_megabytes << 20)
        self.history = _raw_table(app, settings, HISTORY, memory)
        self.models = _raw_table(app, settings, MODELS, memory)
        self.forecasts = _raw_table(app, settings, FORECASTS, memory)
        self._states: OrderedDict[str, _Held] = OrderedDict()
        self._models: OrderedDict[str, HeldModel] = OrderedDict()

    def forget(self) -> None:
        """Drop what is in memory: partitions were dealt anew, another worker may have written meanwhile."""
        self._states.clear()
        self._models.clear()

    def state(self, ticker: str) -> TickerState | None:
        """The ticker's state, None while it has none."""
        held = self._held(ticker)
        return None if held is None else held.state

    def _held(self, ticker: str) -> _Held | None:
        held = self._states.get(ticker)
        if held is None:
            payload = _read(self.history, record_key(ticker))
            if payload is None:
                return None
            held = _Held(*decode_record(ticker, payload, partial(_read, self.history)))
            _remember(self._states, ticker, held, _HELD_STATES)
        return held

    def save(self, state: TickerState, *, changed_from: int) -> None:
        """Write a state, from the block of absolute bar index `changed_from` on. The state must hold a bar."""
        held = self._held(state.ticker)
        writes = encode_writes(state, None if held is None else held.stored, changed_from)
        for key, value in [*writes.before, (record_key(state.ticker), writes.record), *writes.after]:
            _write(self.history, key, value)
        _remember(self._states, state.ticker, _Held(state, writes.stored), _HELD_STATES)

    def peek_head(self, ticker: str) -> Head | None:
        """The head of the ticker's history, in whichever partition it lies."""
        payload = _read(self.history, record_key(ticker))
        return None if payload is None else decode_head(ticker, head_of_record(ticker, payload))

    def model(self, ticker: str) -> HeldModel | None:
        """The ticker's models, if they were made by this code under these settings. Raises StateCorruptError, SchemaError."""
        held = self._models.get(ticker)
        if held is None:
            found = self.peek_model(ticker)
            if found is None:
                return None
            held = HeldModel(_without_models(load_trained(found[0])), found[1])
            _remember(self._models, ticker, held, _HELD_MODELS)
        return held

    def peek_model(self, ticker: str) -> tuple[TrainedTicker, float] | None:
        """The ticker's usable models as stored, and since when, in whichever partition they lie."""
        held = self._models.get(ticker)
        if held is not None:
            return held.loaded.trained, held.stored_at
        payload = _read(self.models, ticker.encode())
        if payload is None:
            return None
        stored = decode_stored(ticker, payload)
        trained = decode_trained(stored.payload)
        return (trained, stored.stored_at) if is_usable(trained, self._settings) else None

    def save_model(self, trained: TrainedTicker) -> HeldModel:
        """Write a training's result as of now."""
        stored = StoredModel(STORED_VERSION, self._clock(), encode_trained(trained))
        _write(self.models, trained.ticker.encode(), encode_stored(stored))
        held = HeldModel(_without_models(load_trained(trained)), stored.stored_at)
        _remember(self._models, trained.ticker, held, _HELD_MODELS)
        return held

    def forecast(self, ticker: str) -> Forecast | None:
        """The ticker's row, None where there is none or it cannot be read: it is about to be replaced. Raises SchemaError."""
        payload = _read(self.forecasts, ticker.encode())
        try:
            return None if payload is None else decode_row(ticker, payload)
        except StateCorruptError as error:
            logger.warning("unreadable forecast row not used ticker=%s reason=%s", ticker, error)
            return None

    def save_forecast(self, row: Forecast) -> bytes:
        """Write a forecast row; returns its bytes."""
        payload = encode_forecast(row)
        _write(self.forecasts, row.ticker.encode(), payload)
        return payload


def _without_models(loaded: LoadedTicker) -> LoadedTicker:
    # The losers' bytes, some 70 kB a ticker, are for nobody here once the selected ones are decoded.
    return replace(loaded, trained=msgspec.structs.replace(loaded.trained, models={}))


class _Options(RocksDBOptions):
    """Faust's, which are for each database by itself, replaced by those of `SharedMemory`."""

    def __init__(self, memory: SharedMemory) -> None:
        super().__init__()
        self._memory = memory

    def as_options(self) -> Any:
        """As Faust asks for them, for each partition."""
        return self._memory.options()


def _raw_table(app: faust.App, settings: Settings, name: str, memory: SharedMemory) -> TableT[bytes, bytes]:
    table = app.Table(name, key_type=bytes, value_type=bytes, partitions=settings.kafka_partitions)
    table.data.rocksdb_options = _Options(memory)  # type: ignore[attr-defined]  # declared by Faust's RocksDB store alone
    return table


def _read(table: TableT[bytes, bytes], key: bytes) -> bytes | None:
    # From the table's own store: by `table.get` Faust looks every key up twice.
    value: bytes | None = table.data.get(key)
    return value


def _write(table: TableT[bytes, bytes], key: bytes, value: bytes | None) -> None:
    try:
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
    except Exception as error:
        # RocksDB's and Faust's own errors alike: whatever it is, what follows would be written into a torn table.
        raise StateWriteError(
            f"table {table.name}: key {key!r:.60} cannot be written ({type(error).__name__}: {error})"
        ) from error


def _remember(entries: OrderedDict[str, Entry], ticker: str, entry: Entry, limit: int) -> None:
    entries[ticker] = entry
    entries.move_to_end(ticker)
    if len(entries) > limit:
        entries.popitem(last=False)
