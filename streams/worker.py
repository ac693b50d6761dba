"""One worker process: its folder to itself, the topics there, the application started, and everything ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
from collections.abc import Callable
from typing import Final

from broker.topics import ensure_topics, topic_ids
from errors import BrokerError, SettingsError
from models.results import TrainedTicker, TrainingJob
from models.training import train_ticker
from process_memory import sparing
from settings import Settings
from streams.app import Engine, build_app
from streams.kafka.consumer import consumer_of
from streams.kafka.quiet_logging import limit_repeated_logs
from streams.worker_folder import own_folder, remove_former_tables, worker_folder

_FAREWELL_SECONDS: Final = 5.0


def run_worker(settings: Settings, train: Callable[[TrainingJob], TrainedTicker] = train_ticker) -> None:
    """Work until SIGTERM or Ctrl-C; `train` is what the training processes do.

    Raises BrokerError, SettingsError, StateLockedError, StateWriteError, or what crashed the application.
    """
    with own_folder(worker_folder(settings)) as folder, limit_repeated_logs(), sparing():
        ensure_topics(settings)
        remove_former_tables(folder)
        asyncio.run(_serve(settings, train))


async def _serve(settings: Settings, train: Callable[[TrainingJob], TrainedTicker]) -> None:
    # Built inside the event loop, because Faust takes the loop that runs when its parts are made.
    engine = build_app(settings, train=train, topic_ids=topic_ids(settings))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app, ownership = engine.app, engine.ownership
    app.finalize()
    # Of the 200,000 objects that libraries have made none will go; else every full collection looks at them all, for 0.2 s.
    gc.freeze()
    with engine.fence:
        async with engine.trainer:
            try:
                await app.start()
                await app.wait_first(stop.wait(), ownership.failed.wait())
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    taken = f"port {settings.worker_port} is taken: give WORKER_PORT another one, or 0 for any that is free"
                    raise SettingsError(taken) from error
                raise
            finally:
                # What was written goes out before the producer ends; the pool ends before an agent that waits for it.
                ownership.resign()
                await engine.trainer.close()
                with contextlib.suppress(TimeoutError):  # the broker is away: what is not committed is read again
                    await asyncio.wait_for(_farewell(engine), _FAREWELL_SECONDS)
                await app.stop()
                engine.logs.close()
    if ownership.failure is not None:
        raise ownership.failure
    if app.crash_reason is not None:
        raise BrokerError(f"the worker stopped: {app.crash_reason!r}") from app.crash_reason


async def _farewell(engine: Engine) -> None:
    # Faust commits when it stops as well, but then its consumer has nothing assigned any more.
    await engine.ownership.delivered()
    await consumer_of(engine.app).commit_last()
