"""One worker process: it locks its folder, waits for its topics, runs the application, and ends everything in order."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaError

from broker.async_client import async_broker_errors
from broker.topics import topic_ids
from commands import startup
from commands.process_memory import bounded_heaps
from errors import BrokerAwayError, BrokerError, SettingsError
from marketdata.calendars import library_apart
from models.results import TrainedTicker, TrainingJob
from models.training import train_ticker
from settings import Settings
from streams.kafka.consuming.consumer import consumer_of
from streams.kafka.worker.admission import Admission, await_admission
from streams.kafka.worker.app import Engine, build_app
from streams.kafka.worker.departure import Departure
from streams.kafka.worker.deployment_watch import DeploymentWatch
from streams.kafka.worker.folder import keep_tables_of, note_page, own_folder, remove_old_tables, worker_folder

logger = logging.getLogger(__name__)

_FAREWELL_SECONDS: Final = 5.0


def run_worker(settings: Settings, train: Callable[[TrainingJob], TrainedTicker] = train_ticker) -> None:
    """Work until SIGTERM or Ctrl-C; the training processes run `train`. While Kafka is away, wait for it.

    Once a stop has begun, the process ends within `departure.DEADLINE_SECONDS`, or at a second signal.

    Raises BrokerError, SettingsError, StateLockedError, StateWriteError, StateRebuiltError, or what crashed the application.
    """
    with own_folder(worker_folder(settings)):
        pass  # refuse a second worker on the folder at once, whether or not Kafka answers
    with bounded_heaps(), library_apart():
        while True:
            try:
                _run(settings, train)
                return
            except BrokerAwayError as error:
                logger.warning("Kafka went away while this worker started, waiting for it reason=%s", error)
            # Free the objects of the failed start. The handlers of signals ended with the event loop.
            gc.unfreeze()
            startup.stop_quietly()


def _run(settings: Settings, train: Callable[[TrainingJob], TrainedTicker]) -> None:
    # Before the folder is locked: `streams rebuild` empties it, and this call waits for its end.
    admission = await_admission(settings)
    with own_folder(worker_folder(settings)) as folder:
        remove_old_tables(folder)
        keep_tables_of(folder, admission.deployment.incarnation)
        asyncio.run(_serve(settings, train, admission))


async def _serve(settings: Settings, train: Callable[[TrainingJob], TrainedTicker], admission: Admission) -> None:
    # Built inside the event loop: Faust binds its parts to the running loop.
    incarnation = admission.deployment.incarnation
    engine = build_app(settings, train=train, topic_ids=topic_ids(settings), incarnation=incarnation)
    note_page(worker_folder(settings), engine.app.conf.web_port)
    departure = Departure()
    departure.listen()
    engine.app.finalize()
    # The 200,000 objects of libraries stay for ever; without this a full garbage collection visits all of them, for 0.2 s.
    gc.freeze()
    watch = DeploymentWatch(settings, admission)
    try:
        await _work(settings, engine, watch, departure)
    except (KafkaError, BrokerAwayError) as error:
        if watch.joined:
            raise BrokerError(f"the worker stopped: {error!r}") from error
        if not departure.is_asked:
            departure.cancel()
            with async_broker_errors(settings):
                raise


async def _work(settings: Settings, engine: Engine, watch: DeploymentWatch, departure: Departure) -> None:
    app, ownership = engine.app, engine.ownership
    app.on_partitions_assigned.connect(watch.confirm)
    with engine.fence:
        async with engine.pool, watch:
            try:
                await app.start()
                await app.wait_first(departure.asked(), ownership.failed.wait(), watch.dismissed())
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    taken = f"port {settings.worker_port} is taken: set WORKER_PORT to another port, or to 0 for any free port"
                    raise SettingsError(taken) from error
                raise
            finally:
                departure.begin()
                # Writes are sent before the producer ends; the pool ends before the agents that wait for it.
                ownership.resign()
                await engine.pool.close()
                if watch.dismissal is None:
                    try:
                        await asyncio.wait_for(_farewell(engine), _FAREWELL_SECONDS)
                    except (TimeoutError, KafkaError, BrokerError) as error:
                        logger.warning("no last commit, what is not committed is read again reason=%r", error)
                        departure.hurry()
                await app.stop()
                engine.logs.close()
    if watch.dismissal is not None:
        raise watch.dismissal
    if ownership.failure is not None:
        raise ownership.failure
    if isinstance(app.crash_reason, KafkaError):
        raise app.crash_reason
    if app.crash_reason is not None:
        raise BrokerError(f"the worker stopped: {app.crash_reason!r}") from app.crash_reason


async def _farewell(engine: Engine) -> None:
    # Faust commits at its stop, too, but its consumer has no assignment by then.
    await engine.ownership.delivered()
    await consumer_of(engine.app).commit_last()
