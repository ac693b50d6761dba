"""One worker process: its folder to itself, the topics there, the application started, and everything ended in order."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from broker.client import broker_errors
from broker.topics import ensure_topics
from errors import BrokerError, StateCorruptError, StateLockedError, StateWriteError
from settings import Settings
from streams.app import build_app
from streams.kafka.configuration import worker_folder
from streams.kafka.quiet_logging import limit_repeated_logs

logger = logging.getLogger(__name__)

_LOCK: Final = "lock"


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or Ctrl-C. Raises BrokerError, StateLockedError, StateWriteError, or what crashed the application."""
    with _own_folder(settings) as folder, broker_errors(settings), limit_repeated_logs():
        ensure_topics(settings)
        try:
            asyncio.run(_serve(settings))
        except StateCorruptError:
            # The copy on this disk is of two points in time; the changelogs are whole, and the next start reads them.
            _remove_tables(folder)
            raise


def forget_tables(settings: Settings) -> None:
    """Remove this worker's copy of the tables: the next start restores them from Kafka. Raises StateLockedError."""
    with _own_folder(settings) as folder:
        _remove_tables(folder)


def _remove_tables(folder: Path) -> None:
    for part in folder.iterdir():
        if part.is_dir():
            shutil.rmtree(part)


async def _serve(settings: Settings) -> None:
    # Built inside the event loop, because Faust takes the loop that runs when its parts are made.
    engine = build_app(settings)
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


@contextmanager
def _own_folder(settings: Settings) -> Iterator[Path]:
    folder = worker_folder(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StateWriteError(f"{folder}: cannot be written ({error.strerror}); make room or mend the permissions") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StateLockedError(
                f"{folder}: another worker with WORKER_ID={settings.worker_id} runs on it; give this one another WORKER_ID"
            ) from error
        yield folder
    finally:
        os.close(descriptor)
