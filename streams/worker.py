"""One worker process: its folder to itself, the topics there, the application started, and everything ended in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from broker.client import broker_errors
from broker.topics import ensure_topics
from errors import BrokerError, StateCorruptError
from models.results import TrainedTicker, TrainingJob
from models.training import train_ticker
from settings import Settings
from streams.app import build_app
from streams.kafka.quiet_logging import limit_repeated_logs
from streams.worker_folder import own_folder, remove_tables, worker_folder


def run_worker(settings: Settings, train: Callable[[TrainingJob], TrainedTicker] = train_ticker) -> None:
    """Work until SIGTERM or Ctrl-C; `train` is what the training processes do.

    Raises BrokerError, StateLockedError, StateWriteError, or what crashed the application.
    """
    with own_folder(worker_folder(settings)) as folder, broker_errors(settings), limit_repeated_logs():
        ensure_topics(settings)
        try:
            asyncio.run(_serve(settings, train))
        except StateCorruptError:
            # The copy on this disk is of two points in time; the changelogs are whole, and the next start reads them.
            remove_tables(folder)
            raise


async def _serve(settings: Settings, train: Callable[[TrainingJob], TrainedTicker]) -> None:
    # Built inside the event loop, because Faust takes the loop that runs when its parts are made.
    engine = build_app(settings, train=train)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app, failure = engine.app, engine.ownership
    app.finalize()
    with engine.fence:
        async with engine.trainer:
            try:
                await app.start()
                await app.wait_first(stop.wait(), failure.failed.wait())
            finally:
                # The pool ends first: an agent that waits for a training would hold up everything else.
                await engine.trainer.close()
                await app.stop()
    if failure.failure is not None:
        raise failure.failure
    if app.crash_reason is not None:
        raise BrokerError(f"the worker stopped: {app.crash_reason!r}") from app.crash_reason
