"""A pool of processes for work on many tickers that ends when all of it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from commands import interrupts
from commands.executor import start_executor

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def quieten() -> None:
    """Let models log errors alone in this process: results carry the reasons, which the caller counts."""
    logging.getLogger("models").setLevel(logging.ERROR)


class Processes:
    """Takes jobs and waits for their results. Ctrl-C works while it waits, but never within the pool's locks."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def submit(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Have `function` called in a process."""
        with interrupts.deferred():
            return self._executor.submit(function, *args, **kwargs)

    def completed(self, jobs: Iterable[Future[Result]]) -> Iterator[Result]:
        """Their results as they come. Raises what a job raised, and BrokenProcessPool if a process died."""
        waiting = set(jobs)
        while waiting:
            done, waiting = _awaited(waiting)
            for job in done:
                yield job.result()

    def in_order(self, jobs: Iterable[Future[Result]]) -> Iterator[Result]:
        """Their results in the jobs' order; errors as those of `completed`."""
        for job in jobs:
            while not job.done():
                _awaited({job})
            yield job.result()


def _awaited(jobs: set[Future[Result]]) -> tuple[set[Future[Result]], set[Future[Result]]]:
    with interrupts.deferred():
        return wait(jobs, timeout=interrupts.LONGEST_SECONDS, return_when=FIRST_COMPLETED)


@contextmanager
def processes(
    jobs: int, *, preload: Iterable[str], initializer: Callable[..., None] = quieten, initargs: tuple[Any, ...] = ()
) -> Iterator[Processes]:
    """A pool of `jobs` processes with the modules of `preload`; `initializer` begins each of them.

    Jobs without a result are dropped at the end. If an error or Ctrl-C ends the block, the processes end at once.
    """
    with interrupts.deferred():
        executor, lifeline = start_executor(jobs, preload=preload, initializer=initializer, initargs=initargs)
    try:
        yield Processes(executor)
    except BaseException:
        with interrupts.deferred():
            lifeline.close()
            executor.shutdown(wait=False, cancel_futures=True)
        raise
    with interrupts.deferred():
        executor.shutdown(cancel_futures=True)
        lifeline.close()
