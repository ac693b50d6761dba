"""The Faust engine: the operators of the pipeline as agents, partitioned by ticker.

One application has two agents. `bars` takes what is on the topic, updates each ticker's history and forecast, and asks for
trainings; `training` does those in a pool of processes. Both write the same three tables, whose changelogs are their home:
what a worker keeps on disk is a copy that saves time.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import faust
from faust.types.web import Request, Response, View

from broker.topics import BARS, TRAINING_REQUESTS, topic_name
from models.results import TrainedTicker, TrainingJob
from models.training import train_ticker
from settings import Settings
from streams.kafka.bars import BarsAgent
from streams.kafka.configuration import PRODUCER_BUFFER_MESSAGES, faust_options
from streams.kafka.consumer import forget_committed, use_seeking_consumer
from streams.kafka.deliveries import Deliveries
from streams.kafka.fence import Fence
from streams.kafka.forecasts import ForecastWriter
from streams.kafka.health import Health, LoopLag
from streams.kafka.outbox import Outbox, raw_topic
from streams.kafka.ownership import Ownership
from streams.kafka.sweep import Sweep
from streams.kafka.tables import TickerTables
from streams.kafka.trainer import Trainer
from streams.kafka.training import PatientSupervisor, TrainingAgent
from streams.kafka.trainings import Trainings
from streams.pool import TrainingPool, preload_for


@dataclass(frozen=True, slots=True)
class Engine:
    """An application and its parts, for whoever runs it."""

    app: faust.App
    fence: Fence
    ownership: Ownership
    trainer: Trainer
    health: Health
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
) -> Engine:
    """The application for these settings; nothing is connected or started. `clock` gives seconds since 1970.

    `incarnation` counts the rebuilds before this worker (`broker.deployment`).
    """
    app = faust.App(**faust_options(settings))
    use_seeking_consumer(app)
    app.producer.buffer.max_messages = PRODUCER_BUFFER_MESSAGES
    fence = Fence(settings.worker_session_seconds)
    ownership = Ownership(app, fence)
    tables = TickerTables(app, settings, clock=clock)
    outbox = Outbox(app, settings)
    trainings = Trainings(settings, tables, outbox, clock=clock)
    forecasts = ForecastWriter(settings, tables, outbox, trainings)
    pool = TrainingPool(
        train,
        jobs=settings.jobs,
        deadline_seconds=settings.job_deadline_seconds,
        preload=preload_for(settings.models),
    )
    trainer = Trainer(pool)
    deliveries = Deliveries(app, {topic_name(settings, short) for short in (BARS, TRAINING_REQUESTS)})
    bars = BarsAgent(settings, tables, outbox, forecasts, ownership, deliveries, today=today)
    training = TrainingAgent(app, settings, tables, outbox, forecasts, ownership, deliveries, trainings, trainer, bars)
    sweep = Sweep(app, settings, tables, trainings)
    lag = LoopLag()
    health = Health(app, settings, bars=bars, forecasts=forecasts, outbox=outbox, sweep=sweep, trainer=trainer, lag=lag)
    app.agent(raw_topic(app, settings, BARS), name="bars")(bars.run)
    app.agent(outbox.requests, name="training", isolated_partitions=True, supervisor_strategy=PatientSupervisor)(training.run)
    app.timer(settings.sweep_seconds, name="sweep")(sweep.run)
    app.task(lag.run)
    app.task(deliveries.run)

    @app.on_partitions_revoked.connect
    async def _revoked(*_: Any, **__: Any) -> None:
        # What we wrote has to be in the changelogs before another worker reads them to their end.
        forget_committed(app)
        tables.forget()
        trainings.forget_requests()
        await ownership.delivered()

    @app.on_partitions_assigned.connect
    async def _assigned(*_: Any, **__: Any) -> None:
        tables.forget()
        health.joined()

    @app.page("/healthz")
    async def _health(view: View, request: Request) -> Response:  # noqa: ARG001 - as Faust calls it
        return view.json(health.page(), status=200 if health.ready else 503)

    return Engine(app, fence, ownership, trainer, health, incarnation)
