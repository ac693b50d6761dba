"""Processes for work on many tickers: forks of a forkserver that has loaded the libraries and does nothing else.

They end with the process that started them, whatever ended it. A terminal sends Ctrl-C to all of them; that process alone
handles it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from typing import Any, Final

from commands.startup import ONE_THREAD

#: The module that the forkserver imports first.
FORKSERVER_START: Final = "commands.forkserver"


def start_executor(
    jobs: int, *, preload: Iterable[str], initializer: Callable[..., None], initargs: tuple[Any, ...] = ()
) -> tuple[ProcessPoolExecutor, Connection]:
    """A pool of `jobs` processes, and the lifeline that ends them at once when it is closed.

    The forkserver imports the modules of `preload`; it lives as long as this process, so that they are those of the first pool.
    Raises OSError or EOFError if the forkserver cannot be started.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([FORKSERVER_START, *preload])
    # Starting the resource tracker unblocks SIGINT; a running tracker leaves the mask alone.
    resource_tracker.ensure_running()
    with _environment(ONE_THREAD), _interrupt_blocked():
        forkserver.ensure_running()
    theirs, ours = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(theirs, initializer, initargs))
    return executor, ours


def _begin(lifeline: Connection, initializer: Callable[..., None], initargs: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, args=(lifeline,), daemon=True).start()
    initializer(*initargs)


def _exit_with_parent(lifeline: Connection) -> None:
    # Nothing is ever sent: the pipe ends when the parent closes it or dies.
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _interrupt_blocked() -> Iterator[None]:
    # The forkserver inherits the mask, and removes it when it can end without a traceback.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
