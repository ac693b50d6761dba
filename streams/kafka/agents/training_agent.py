"""The training agent: one request at a time for each partition, settled only after its result is written.

With Faust's isolated partitions a slow training in one partition does not delay the others. As shipped they are not safe
across rebalances: a busy actor is cancelled, which counts as a crash, and one crash ends the worker. Hence the supervisor
below, and an agent that reports itself which requests are settled, handles every error and never ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

import faust
from faust.types import TP, EventT, StreamT
from mode.supervisors import OneForOneSupervisor

from broker.topics import BARS, topic_name
from errors import BrokerError, DataError, ForecastingError, StateCorruptError, StateError
from history.forecasting import calls_for, training_job
from history.ticker_state import DueTraining
from streams.kafka.agents.async_pool import AsyncTrainingPool
from streams.kafka.agents.bars_agent import BarsAgent
from streams.kafka.agents.parts import AgentParts
from streams.kafka.agents.training_requests import TrainingRequests
from streams.kafka.sending.messages import decode_request
from streams.reporting import log_training
from streams.training.ticker_pool import TickerOutcome

logger = logging.getLogger(__name__)

_PATIENCE_STEP_SECONDS: Final = 0.1


class PatientSupervisor(OneForOneSupervisor):
    """Restarts cancelled actors without a limit, because every rebalance cancels busy actors."""

    def __init__(self, *services: Any, **options: Any) -> None:
        super().__init__(*services, **options | {"max_restarts": 1_000_000.0})


class TrainingAgent:
    """`run` is the agent's function; it runs once for each partition."""

    def __init__(
        self, app: faust.App, parts: AgentParts, requests: TrainingRequests, pool: AsyncTrainingPool, bars: BarsAgent
    ) -> None:
        self._app = app
        self._parts = parts
        self._requests = requests
        self._pool = pool
        self._bars = bars

    async def run(self, stream: StreamT[Any]) -> None:
        """Process requests for ever. An event that is no longer ours is left to the new owner and not settled."""
        source: Any = stream.noack()  # type: ignore[attr-defined]  # Faust's interface lacks it, its streams do not
        async for event in source.events():
            done = False
            self._parts.deliveries.begin([event])
            try:
                await self._parts.ownership.until_active()
                if not self._parts.ownership.is_ours(event):
                    continue
                await self._answer(event)
                await self._parts.ownership.delivered()
                await self._parts.ownership.until_active()
            except asyncio.CancelledError:
                return
            except StateCorruptError as error:
                logger.warning("training given up, its request comes again reason=%s", error)
            except Exception as error:  # noqa: BLE001 - errors of a single ticker are handled in `_answer`
                await self._parts.ownership.give_up(error)
            else:
                done = self._parts.ownership.is_ours(event)
            finally:
                self._parts.deliveries.end([event], done=[event] if done else [])

    async def _answer(self, event: EventT[Any]) -> None:
        try:
            await self._handle(event)
        except StateCorruptError as error:
            # Its training is requested again after its history is derived.
            await self._parts.rederivation.begin((event.key or b"").decode(), error)
        except (StateError, BrokerError):
            raise
        except Exception as error:
            # A defect of one ticker must not stop its partition. The request is kept as a dead letter.
            if not isinstance(error, ForecastingError):
                logger.exception("training request failed partition=%d", event.message.partition)
            if self._parts.ownership.is_ours(event):
                self._parts.outbox.reject(event, f"{type(error).__name__}: {error}")

    async def _handle(self, event: EventT[Any]) -> None:
        request = decode_request(event.value)
        if event.key != request.ticker.encode():
            raise DataError(f"{request.ticker}: the request's key is {event.key!r:.60}")
        due = DueTraining(cutoff=request.cutoff, digest=bytes.fromhex(request.digest))
        await self._await_quiet(event)
        await self._parts.ownership.until_active()
        if not self._parts.ownership.is_ours(event):
            return
        state = self._parts.tables.state(request.ticker)
        if state is None or not calls_for(state, due, self._parts.settings):
            self._requests.note_superseded(request.ticker, due)
            return
        if self._requests.is_done(request.ticker, due):
            # A crash may have come after the models were written and before their row.
            self._parts.forecasts.refresh(state)
            return
        outcome = await self._pool.train(training_job(state, due, self._parts.settings))
        await self._parts.ownership.until_active()
        if self._parts.ownership.is_ours(event):
            self._write(event, request.ticker, due, outcome)

    def _write(self, event: EventT[Any], ticker: str, due: DueTraining, outcome: TickerOutcome) -> None:
        if outcome.result is None:
            assert outcome.error is not None
            self._requests.note_failure(ticker, due, str(outcome.error))
            self._parts.outbox.reject(event, str(outcome.error))
        else:
            self._requests.note_success(ticker, due)
            self._parts.tables.save_model(outcome.result)
            log_training(outcome.result)
        # Bars may have come meanwhile: the row is made from the newest state.
        state = self._parts.tables.state(ticker)
        if state is not None:
            self._parts.forecasts.refresh(state)

    async def _await_quiet(self, event: EventT[Any]) -> None:
        """Wait, for a limited time, until no bars of the partition wait: in a backfill most requests are superseded."""
        bars = TP(topic_name(self._parts.settings, BARS), event.message.partition)
        deadline = time.monotonic() + self._parts.settings.training_patience_seconds
        while time.monotonic() < deadline and self._parts.ownership.is_ours(event):
            if not self._bars.busy and not self._is_behind(bars):
                return
            await asyncio.sleep(_PATIENCE_STEP_SECONDS)

    def _is_behind(self, partition: TP) -> bool:
        end = self._app.consumer.highwater(partition)
        position = self._parts.deliveries.position(partition)
        return end is not None and position is not None and position < end
