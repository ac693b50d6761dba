"""A pool of processes for work on many tickers that ends when all of it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from commands import interrupts
from commands.executor import Executor
from errors import ProcessLostError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def quieten() -> None:
    """Let models log errors alone in this process: results carry the reasons, which the caller counts."""
    logging.getLogger("models").setLevel(logging.ERROR)


class Processes:
    """Takes jobs and waits for their results. Ctrl-C works while it waits, but never within the pool's locks."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Have `function` called in a process. Raises ProcessLostError if none can be started, or one died before."""
        with interrupts.deferred(), _losses_named():
            return self._executor.submit(function, *args, **kwargs)

    def completed(self, jobs: Iterable[Future[Result]]) -> Iterator[Result]:
        """Their results as they come. Raises what a job raised, and ProcessLostError if a process died."""
        waiting = set(jobs)
        while waiting:
            done, waiting = self._awaited(waiting)
            for job in done:
                yield _result(job)

    def in_order(self, jobs: Iterable[Future[Result]]) -> Iterator[Result]:
        """Their results in the jobs' order; errors as those of `completed`."""
        for job in jobs:
            waiting = {job}
            while waiting:
                _, waiting = self._awaited(waiting)
            yield _result(job)

    def _awaited(self, jobs: set[Future[Result]]) -> tuple[set[Future[Result]], set[Future[Result]]]:
        with interrupts.deferred():
            return self._executor.await_any(jobs, interrupts.LONGEST_SECONDS)


def _result(job: Future[Result]) -> Result:
    try:
        return job.result()
    except BrokenProcessPool as error:
        raise _lost(error) from error


@contextmanager
def _losses_named() -> Iterator[None]:
    # A killed forkserver ends the pipe to it. Commands would take its EOFError for Ctrl-C, and its BrokenPipeError for an
    # output that was closed.
    try:
        yield
    except (BrokenProcessPool, OSError, EOFError) as error:
        raise _lost(error) from error


def _lost(error: Exception) -> ProcessLostError:
    reason = " ".join(str(error).split()).rstrip(".")
    return ProcessLostError(
        f"a process that shared the work was killed or could not be started ({reason}); if memory is short, "
        "fewer --jobs need less"
    )


@contextmanager
def processes(
    jobs: int, *, preload: Iterable[str], initializer: Callable[..., None] = quieten, initargs: tuple[Any, ...] = ()
) -> Iterator[Processes]:
    """A pool of `jobs` processes with the modules of `preload`; `initializer` begins each of them.

    The processes end at once with the block. Jobs without a result are dropped. Raises ProcessLostError if no process can be
    started.
    """
    with interrupts.deferred(), _losses_named():
        executor = Executor(jobs, preload=preload, initializer=initializer, initargs=initargs)
    try:
        yield Processes(executor)
    finally:
        with interrupts.deferred():
            executor.end()
