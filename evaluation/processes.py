"""Processes for work on many tickers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def processes(count: int, *, preload: str) -> Iterator[ProcessPoolExecutor]:
    """A pool of `count` processes with the module `preload`.

    It ends at once when it is left by an error or Ctrl-C, instead of after all that is waiting in it.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([preload])
    pool = ProcessPoolExecutor(count, mp_context=context)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()
