"""The bars agent: it takes waiting messages in turns; each ticker is updated and written once a turn, then settled."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from faust.types import EventT, StreamT

from broker.topics import LOG_APPEND_TIME, partition_of
from errors import DataError, ForecastingError, SchemaError, StateCorruptError, StateError
from history.catch_up import absorb_all
from history.ticker_state import TickerState
from records import BarBatch, day_number, decode_batch
from streams.kafka.agents.pacing import paced
from streams.kafka.agents.parts import AgentParts
from streams.outputs import Effects, effects_of, log_effects

logger = logging.getLogger(__name__)

#: The largest turn: about 60,000 bars, a third of a second, so that no message waits for long.
_TURN_BYTES: Final = 4 * 1024 * 1024
#: A backlog arrives in pieces some milliseconds apart: the agent waits this often, for this long, for the next piece, and fills
#: no turn for longer than `_FILL_SECONDS`. Each turn costs a millisecond a ticker, so few large turns are faster.
_FILL_LOOKS: Final = 10
_LOOK_SECONDS: Final = 0.01
_FILL_SECONDS: Final = 2.0


@dataclass(slots=True)
class BarCounts:
    """Settled messages, and their valid bars, since the worker started."""

    messages: int = 0
    bars: int = 0
    suspect: int = 0
    accepted: int = 0
    duplicate: int = 0
    corrected: int = 0
    expired: int = 0

    def add(self, effects: Effects) -> None:
        """Count the effects of a message."""
        self.bars += effects.valid
        self.suspect += len(effects.suspicions)
        self.accepted += effects.new
        self.duplicate += effects.duplicate
        self.corrected += effects.corrected
        self.expired += effects.expired


@dataclass(frozen=True, slots=True)
class _Arrival:
    event: EventT[Any]
    batch: BarBatch
    today: dt.date


class BarsAgent:
    """`run` is the agent's function. It raises no exception, because Faust would lose the event."""

    def __init__(self, parts: AgentParts, *, today: Callable[[], dt.date]) -> None:
        self._parts = parts
        self._today = today
        self._unfinished = 0
        self.counts = BarCounts()

    async def run(self, stream: StreamT[Any]) -> None:
        """Take turns for ever. A turn has all messages that wait.

        So a single live bar is not delayed, and a backlog costs one write a ticker. While the records of one turn are on their
        way to the broker the next turn is taken, but not a third.
        """
        source: Any = stream.noack()  # type: ignore[attr-defined]  # Faust's interface lacks it, its streams do not
        ending: asyncio.Task[None] | None = None
        try:
            async for event in source.events():
                self._unfinished += 1
                turn: list[EventT[Any]] = []
                try:
                    done = await self._begin(turn, event, source.channel.queue)
                    if ending is not None:
                        await ending
                except BaseException:
                    self._end(turn, [])
                    raise
                ending = asyncio.create_task(self._deliver(turn, done, self._parts.ownership.sent), name="delivery of a turn")
        finally:
            if ending is not None:
                ending.cancel()
                await asyncio.gather(ending, return_exceptions=True)

    async def _begin(self, turn: list[EventT[Any]], event: EventT[Any], queue: Any) -> list[EventT[Any]]:
        """Fill a turn and process it. Returns the events that are processed."""
        try:
            await self._fill(turn, event, queue)
            return await self._take(turn)
        except StateCorruptError as error:
            logger.warning("turn given up, its messages come again reason=%s", error)
        except Exception as error:  # noqa: BLE001 - errors of a single ticker are handled in `_update`
            await self._parts.ownership.give_up(error)
        return []

    async def _deliver(self, turn: Sequence[EventT[Any]], done: list[EventT[Any]], sent: int) -> None:
        """Wait until everything that a turn has sent has arrived; then settle its messages if they are still ours."""
        settled: list[EventT[Any]] = []
        try:
            await self._parts.ownership.delivered(sent)
            await self._parts.ownership.until_active()
            settled = self._parts.ownership.ours(done)
        except Exception as error:  # noqa: BLE001 - the broker refuses a message
            await self._parts.ownership.give_up(error)
        finally:
            self._end(turn, settled)

    def _end(self, turn: Sequence[EventT[Any]], done: Sequence[EventT[Any]]) -> None:
        self._parts.deliveries.end(turn, done=done)
        self.counts.messages += len(done)
        self._unfinished -= 1

    @property
    def busy(self) -> bool:
        """Whether a turn has not ended."""
        return self._unfinished > 0

    async def _fill(self, turn: list[EventT[Any]], event: EventT[Any], queue: Any) -> None:
        """Put the event and the messages that wait behind it into the turn.

        If the broker has more of a backlog, wait a moment for it. At the end of the partition, where live bars come in, do not
        wait. The queue is emptied directly: Faust's streams take longer for each message than all of our code.
        """
        self._add(turn, event)
        size, looks = len(event.value or b""), 0
        deadline = time.monotonic() + _FILL_SECONDS
        while size < _TURN_BYTES and len(turn) < self._parts.settings.worker_batch_messages and time.monotonic() < deadline:
            if not queue.empty():
                event = queue.get_nowait()
                self._add(turn, event)
                size, looks = size + len(event.value or b""), 0
            elif looks < _FILL_LOOKS and self._parts.ownership.is_behind(event):
                looks += 1
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                break

    def _add(self, turn: list[EventT[Any]], event: EventT[Any]) -> None:
        turn.append(event)
        self._parts.deliveries.begin([event])

    async def _take(self, turn: Sequence[EventT[Any]]) -> list[EventT[Any]]:
        """The events of a turn that are processed: written, or kept as dead letters."""
        await self._parts.ownership.until_active()
        # A message that was fetched before a rebalance is fetched again, and may be in the same turn twice.
        turn = self._parts.ownership.ours(turn)
        done: set[int] = set()
        tickers: dict[str, list[_Arrival]] = {}
        async for event in paced(turn):
            try:
                arrival = self._decode(event)
            except DataError as error:
                self._parts.outbox.reject(event, str(error))
                done.add(id(event))
            else:
                tickers.setdefault(arrival.batch.ticker, []).append(arrival)
        async for ticker, arrivals in paced(tickers.items()):
            await self._parts.ownership.until_active()
            events = [arrival.event for arrival in arrivals]
            if len(self._parts.ownership.ours(events)) != len(events):
                continue
            try:
                self._update(ticker, arrivals)
            except StateCorruptError as error:
                await self._parts.rederivation.begin(ticker, error)  # the messages come again
            else:
                done.update(map(id, events))
        return [event for event in turn if id(event) in done]

    def _decode(self, event: EventT[Any]) -> _Arrival:
        batch = decode_batch(event.value or b"", key=event.key or b"")
        expected = partition_of(event.key, self._parts.settings.kafka_partitions)
        if event.message.partition != expected:
            raise DataError(
                f"{batch.ticker}: in partition {event.message.partition}, its key belongs to {expected}: publish with Kafka's "
                "default partitioner (murmur2)"
            )
        taken = dt.datetime.fromtimestamp(event.message.timestamp, dt.UTC)
        if event.message.timestamp_type != LOG_APPEND_TIME:
            # The publisher's clock, on a topic that an older version created.
            return _Arrival(event, batch, max(taken.date(), self._today()))
        # The broker's clock: the same for every worker and every replay. A worker's clock may be wrong.
        return _Arrival(event, batch, taken.date())

    def _update(self, ticker: str, arrivals: Sequence[_Arrival]) -> None:
        try:
            state = self._absorb(ticker, arrivals)
            if state is not None:
                self._parts.forecasts.refresh(state)
        except (StateError, SchemaError):
            raise
        except Exception as error:
            # An error of one ticker must not stop the others. The messages are kept as dead letters.
            if not isinstance(error, ForecastingError):
                logger.exception("bars failed ticker=%s", ticker)
            for arrival in arrivals:
                self._parts.outbox.reject(arrival.event, f"{type(error).__name__}: {error}")

    def _absorb(self, ticker: str, arrivals: Sequence[_Arrival]) -> TickerState | None:
        """The ticker's state with the arrivals in it; it is written."""
        batches = [arrival.batch for arrival in arrivals]
        days = [arrival.today for arrival in arrivals]
        state, outputs = absorb_all(self._parts.tables.state(ticker), batches, today=days, settings=self._parts.settings)
        changed_from: int | None = None
        for arrival, effects in zip(arrivals, map(effects_of, outputs), strict=True):
            if effects.rejected:
                reasons = "; ".join(f"{bar.date}: {bar.reason}" for bar in effects.rejected)
                self._parts.outbox.reject(arrival.event, reasons)
            log_effects(ticker, effects)
            self.counts.add(effects)
            if state is not None:
                changed_from = _least(changed_from, effects.changed_from)
                if effects.duplicate:
                    changed_from = _least(changed_from, _first_touched(state, arrival.batch))
        if state is not None and len(state.bars):
            # Counters change with every delivery, so the record is always written.
            changed_from = state.total_bars if changed_from is None else changed_from
            self._parts.tables.save(state, changed_from=max(changed_from, state.first_index))
        return state


def _least(known: int | None, other: int | None) -> int | None:
    if known is None or other is None:
        return other if known is None else known
    return min(known, other)


def _first_touched(state: TickerState, batch: BarBatch) -> int:
    """The absolute index of the first bar that a repeated batch may have changed at its first delivery.

    After a crash the changelog may lack records of the local table, so everything that repeated messages touched is written
    again.
    """
    if (batch.split is not None and set(batch.split) != {1.0}) or state.withdrawn or state.restatements:
        return state.first_index  # a change of basis changes all bars
    try:
        first = day_number(dt.date.fromisoformat(min(batch.date)))
    except ValueError:
        return state.first_index
    return state.first_index + int(np.searchsorted(state.bars.day, first))
