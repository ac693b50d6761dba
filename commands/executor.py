"""Processes for work on many tickers: forks of a forkserver that has loaded the libraries and does nothing else.

They end with the process that started them, whatever ended it. A terminal sends Ctrl-C to all of them; that process alone
handles it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import Process, connection, forkserver, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.queues import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

from commands.startup import ONE_THREAD

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

#: The module that the forkserver imports first.
FORKSERVER_START: Final = "commands.forkserver"
LOST: Final = "a process ended before its work was done"


class Executor(ProcessPoolExecutor):
    """A pool of `jobs` processes for one thread. Its user waits with `await_any`, and closes it with `end` alone.

    The forkserver imports the modules of `preload`; it lives as long as this process, so that they are those of the first pool.
    Raises OSError or EOFError if the forkserver cannot be started.
    """

    def __init__(
        self, jobs: int, *, preload: Iterable[str], initializer: Callable[..., None], initargs: tuple[Any, ...] = ()
    ) -> None:
        context = _Context()
        context.set_forkserver_preload([FORKSERVER_START, *preload])
        # Starting the resource tracker unblocks SIGINT; a running tracker leaves the mask alone.
        resource_tracker.ensure_running()
        with _environment(ONE_THREAD), _interrupt_blocked():
            forkserver.ensure_running()
        # Processes end at once when this end of the pipe is closed.
        theirs, self._lifeline = context.Pipe(duplex=False)
        super().__init__(jobs, mp_context=context, initializer=_begin, initargs=(theirs, initializer, initargs))
        self._results = context.results
        self._processes = _Snapshots()
        self._ended = False

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Have `function` called in a process.

        Raises BrokenProcessPool if a process was lost before, and OSError or EOFError if none can be started.
        """
        if self._ended:
            raise BrokenProcessPool(LOST)
        return super().submit(function, *args, **kwargs)

    def await_any(self, jobs: Iterable[Future[Result]], seconds: float) -> tuple[set[Future[Result]], set[Future[Result]]]:
        """Wait until one of the jobs is done, no longer than `seconds`. Returns what is done, and what is open.

        After the death of a process every job is done, with a result or with BrokenProcessPool.
        """
        done, open_ = wait(jobs, timeout=seconds, return_when=FIRST_COMPLETED)
        if done or not (self._broken or self._has_lost_one()):
            return done, open_
        # A process that dies while it sends a result leaves a part of it, and the reader waits for the rest for ever.
        self.end()
        for job in open_:
            if not job.done():
                job.set_exception(BrokenProcessPool(LOST))
        return wait(open_)

    def end(self) -> None:
        """End the processes at once, whatever they do. Jobs without a result get BrokenProcessPool."""
        self._ended = True
        self._lifeline.close()
        self._results.close_writer()
        self.shutdown()

    def _has_lost_one(self) -> bool:
        return bool(connection.wait([process.sentinel for process in self._processes.values()], timeout=0))


class _Snapshots(dict[int, Process]):
    """The processes of a pool. Its thread goes through them when one died, while another thread may be adding one."""

    def values(self) -> list[Process]:  # type: ignore[override]  # nobody needs the view
        return list(super().values())


class _Results(SimpleQueue[Any]):
    def close_writer(self) -> None:
        """Let the reader see the end once every process has ended: this process sends nothing."""
        self._writer: Connection
        self._writer.close()


class _Context(ForkServerContext):
    """Keeps the pool's queue of results."""

    results: _Results

    def SimpleQueue(self) -> SimpleQueue[Any]:  # noqa: N802 - the name of multiprocessing's
        self.results = _Results(ctx=self.get_context())
        return self.results


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
