"""Processes for work on many tickers."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from models.market.model import require_market_model
from settings import Settings


@contextmanager
def processes(settings: Settings, *, preload: str) -> Iterator[ProcessPoolExecutor]:
    """A pool of `settings.jobs` processes with the module `preload`.

    Models warn of nothing in them: results carry the reasons, which the caller counts.
    Raises SettingsError as `market_model`, before any work.

    It ends at once when it is left by an error or Ctrl-C, instead of after all that is waiting in it.
    """
    require_market_model(settings)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload])
    pool = ProcessPoolExecutor(settings.jobs, mp_context=context, initializer=quieten)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()


def quieten() -> None:
    """Let models log errors alone in this process."""
    logging.getLogger("models").setLevel(logging.ERROR)
