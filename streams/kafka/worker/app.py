"""The Faust engine: the pipeline as agents, partitioned by ticker.

The application has two agents. `bars` reads bars, updates each ticker's history and forecast, and requests trainings;
`training` runs the trainings in a pool of processes. Both write the same three tables. The tables live in their changelogs; a
worker's files are copies that save time.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import faust
import msgspec
from faust.types.web import Request, Response, View

from broker.topics import BARS, TRAINING_REQUESTS, topic_name
from models.results import TrainedTicker, TrainingJob
from models.training import train_ticker
from monitoring.exposition import CONTENT_TYPE, metrics_text
from monitoring.worker_metrics import worker_registry
from settings import Settings
from state.shared_memory import SharedMemory
from streams.kafka.agents.async_pool import AsyncTrainingPool
from streams.kafka.agents.bars_agent import BarsAgent
from streams.kafka.agents.forecast_writer import ForecastWriter
from streams.kafka.agents.ownership import Ownership
from streams.kafka.agents.parts import AgentParts
from streams.kafka.agents.rederivation import Rederivation
from streams.kafka.agents.sweep import Sweep
from streams.kafka.agents.training_agent import PatientSupervisor, TrainingAgent
from streams.kafka.agents.training_requests import TrainingRequests
from streams.kafka.consuming.consumer import consumer_of, use_delivering_consumer
from streams.kafka.consuming.deliveries import Deliveries
from streams.kafka.consuming.fence import Fence
from streams.kafka.consuming.membership import Membership
from streams.kafka.sending.outbox import Outbox
from streams.kafka.sending.producer import use_patient_producer
from streams.kafka.sending.sender import Sender, raw_topic
from streams.kafka.tables.partition_logs import PartitionLogs
from streams.kafka.tables.restoration import Restoration
from streams.kafka.tables.table_manager import use_restoration
from streams.kafka.tables.ticker_tables import TickerTables
from streams.kafka.worker.configuration import PRODUCER_BUFFER_MESSAGES, faust_options
from streams.kafka.worker.folder import tables_folder
from streams.kafka.worker.health import Health, LoopLag
from streams.kafka.worker.observation import Observation
from streams.training.ticker_pool import new_ticker_pool


@dataclass(frozen=True, slots=True)
class Engine:
    """An application and the parts that `run_worker` needs."""

    app: faust.App
    fence: Fence
    ownership: Ownership
    pool: AsyncTrainingPool
    health: Health
    logs: PartitionLogs
    incarnation: int


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def build_app(
    settings: Settings,
    *,
    incarnation: int,
    train: Callable[[TrainingJob], TrainedTicker] = train_ticker,
    today: Callable[[], dt.date] = _today,
    clock: Callable[[], float] = time.time,
    topic_ids: Mapping[str, str] | None = None,
) -> Engine:
    """The application for these settings, not connected and not started. `clock` gives seconds since 1970.

    `topic_ids` distinguish changelogs from earlier topics of the same names; `incarnation` counts rebuilds
    (`broker.deployment.record`).
    """
    app = faust.App(**faust_options(settings))
    names = {short: topic_name(settings, short) for short in (BARS, TRAINING_REQUESTS)}
    fence = Fence(settings.worker_session_seconds)
    membership = Membership(settings.worker_session_seconds)
    deliveries = Deliveries(membership, shared={names[BARS]})
    use_delivering_consumer(app, membership, deliveries)
    use_patient_producer(app)
    app.producer.buffer.max_messages = PRODUCER_BUFFER_MESSAGES
    sender = Sender()
    tables = TickerTables(app, settings, clock=clock)
    logs = PartitionLogs(
        tables.all,
        tables_folder(settings),
        sender,
        memory=SharedMemory(cache_bytes=settings.worker_cache_megabytes << 20),
        topic_ids=topic_ids or {},
        writer=f"{settings.worker_id}/{uuid.uuid4().hex[:8]}",
        incarnation=incarnation,
    )
    ownership = Ownership(app, fence, membership, deliveries, sender, logs)
    outbox = Outbox(app, settings, sender)
    requests = TrainingRequests(settings, tables, outbox, membership, clock=clock)
    rederivation = Rederivation(app, settings, tables)
    sweep = Sweep(membership, settings, tables, requests, rederivation)
    forecasts = ForecastWriter(settings, tables, requests, sweep.note)

    def restored() -> None:
        tables.forget()
        requests.forget()

    restoration = Restoration(
        app,
        logs,
        membership,
        deliveries,
        sender,
        bars=names[BARS],
        topics=names.values(),
        failed=ownership.fail,
        restored=restored,
    )
    use_restoration(app, restoration)
    pool = AsyncTrainingPool(new_ticker_pool(settings, train))
    parts = AgentParts(settings, tables, outbox, forecasts, ownership, deliveries, rederivation)
    bars = BarsAgent(parts, today=today)
    training = TrainingAgent(app, parts, requests, pool, bars)
    lag = LoopLag()
    observation = Observation(settings, membership, restoration, sweep, pool, requests)
    health = Health(
        app,
        settings,
        membership,
        deliveries,
        restoration,
        bars=bars,
        forecasts=forecasts,
        outbox=outbox,
        sweep=sweep,
        pool=pool,
        lag=lag,
        requests=requests,
        observation=observation,
    )
    registry = worker_registry(health.figures)
    app.agent(raw_topic(app, settings, BARS), name="bars")(bars.run)
    app.agent(outbox.requests, name="training", isolated_partitions=True, supervisor_strategy=PatientSupervisor)(training.run)
    app.task(sweep.run)
    app.task(lag.run)
    app.task(requests.run)
    app.task(observation.run)
    app.task(observation.run_calendars)
    app.task(lambda: consumer_of(app).run_refetching())
    app.task(lambda: consumer_of(app).run_stall_checks())

    @app.on_partitions_revoked.connect
    async def _revoked(*_: Any, **__: Any) -> None:
        # So that the next owner does not process settled messages again.
        await consumer_of(app).commit_last()

    @app.page("/healthz")
    async def _health(view: View, request: Request) -> Response:  # noqa: ARG001 - as Faust calls it
        return view.json(health.page(), status=200 if health.ready else 503)

    @app.page("/readyz")
    async def _readiness(view: View, request: Request) -> Response:  # noqa: ARG001 - as Faust calls it
        reasons = observation.reasons
        content = {"ready": not reasons, "reasons": msgspec.to_builtins(reasons)}
        return view.json(content, status=503 if reasons else 200)

    @app.page("/figures")
    async def _figures(view: View, request: Request) -> Response:  # noqa: ARG001 - as Faust calls it
        return view.json(msgspec.to_builtins(health.figures()))

    @app.page("/metrics")
    async def _metrics(view: View, request: Request) -> Response:  # noqa: ARG001 - as Faust calls it
        return view.bytes(metrics_text(registry), headers={"Content-Type": CONTENT_TYPE})

    return Engine(app, fence, ownership, pool, health, logs, incarnation)
