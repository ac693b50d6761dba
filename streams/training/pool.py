"""Training processes: one lasting pool, fed little by little, that survives the death of its processes.

Processes come from a forkserver that has imported the libraries and done nothing else, so a new one starts in
milliseconds and shares their memory (a child that ran torch or xgboost must not be forked; one that only imported them may).
Measured on two cores: first results after 8 s instead of 9 to 21, 454 MB instead of 750 per process, most of it shared.

A job that runs longer than its deadline ends its process from within and leaves a traceback on stderr. A pool that lost a
process is rebuilt; the jobs that were in flight are then tried again one at a time, so that only the one that kills
its process twice fails.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from typing import Final, Generic, Self, TypeVar

from commands.startup import ONE_THREAD
from errors import TrainingError

logger = logging.getLogger(__name__)

Job = TypeVar("Job")
Result = TypeVar("Result")

#: What the forkserver imports before anything else.
FORKSERVER_START: Final = "streams.training.forkserver"
#: Jobs handed over per process: one that runs and one that is ready when it ends.
IN_FLIGHT_PER_PROCESS: Final = 2
ATTEMPTS: Final = 2


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Job, Result]):
    """What became of a request: the result, or the error that names its key."""

    key: str
    job: Job
    result: Result | None
    error: TrainingError | None


@dataclass(slots=True, eq=False)
class _Request(Generic[Job]):
    key: str
    job: Job
    attempts: int = 0


class TrainingPool(Generic[Job, Result]):
    """Runs `function(job)` in `jobs` processes that have the modules of `preload`; not for use by several threads.

    `request` queues, `poll` hands over what fits and gives back what is done. A request that has not begun is replaced by
    the next one of its key. A context manager: leaving it ends the processes at once, whatever they do.
    """

    def __init__(
        self,
        function: Callable[[Job], Result],
        *,
        jobs: int,
        deadline_seconds: float,
        preload: Iterable[str],
    ) -> None:
        self._function = function
        self._jobs = jobs
        self._deadline_seconds = deadline_seconds
        self._preload = list(preload)
        self._waiting: dict[str, Callable[[], Job]] = {}
        self._suspects: deque[_Request[Job]] = deque()
        self._running: dict[Future[Result], _Request[Job]] = {}
        self._executor: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Requests that have no outcome yet."""
        return len(self._waiting) + len(self._suspects) + len(self._running)

    def request(self, key: str, build: Callable[[], Job]) -> None:
        """Queue a request. `build` makes the job when its turn comes: what waits costs no memory and uses the newest state."""
        self._waiting[key] = build

    def withdraw(self, key: str) -> None:
        """Forget a request that has not begun, if there is one."""
        self._waiting.pop(key, None)

    def poll(self, *, block: bool) -> list[Outcome[Job, Result]]:
        """Hand over requests and collect outcomes; with `block`, wait for at least one unless there is nothing to wait for."""
        self._hand_over()
        if not self._running:
            return []
        done, _ = wait(self._running, timeout=None if block else 0.0, return_when=FIRST_COMPLETED)
        outcomes: list[Outcome[Job, Result]] = []
        broken = False
        for future in done:
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                broken = True
                continue
            request = self._running.pop(future)
            outcomes.append(self._outcome(request, future, error))
        if broken:
            outcomes += self._recover()
        self._hand_over()
        # After a broken pool there may be no outcome yet, only jobs to try again.
        return outcomes or (self.poll(block=True) if block else outcomes)

    def close(self) -> None:
        """End the processes at once; outcomes of what still ran are lost."""
        self._waiting.clear()
        self._suspects.clear()
        self._running.clear()
        self._stop()

    def _outcome(self, request: _Request[Job], future: Future[Result], error: BaseException | None) -> Outcome[Job, Result]:
        if error is None:
            return Outcome(request.key, request.job, future.result(), None)
        logger.error("training failed ticker=%s", request.key, exc_info=error)
        return Outcome(
            request.key, request.job, None, TrainingError(f"{request.key}: training failed: {type(error).__name__}: {error}")
        )

    def _hand_over(self) -> None:
        # What cannot be started now is tried again at the next look.
        while self._suspects and not self._running:
            if not self._start(self._suspects.popleft()):
                return
        while self._waiting and not self._suspects and self._may_start():
            key = next(iter(self._waiting))
            if not self._start(_Request(key, self._waiting.pop(key)())):
                return

    def _may_start(self) -> bool:
        if any(request.attempts > 1 for request in self._running.values()):
            return False  # a suspect runs alone
        return len(self._running) < IN_FLIGHT_PER_PROCESS * self._jobs

    def _start(self, request: _Request[Job]) -> bool:
        request.attempts += 1
        try:
            if self._executor is None:
                self._executor, self._lifeline = self._processes()
            future = self._executor.submit(_run, self._function, request.job, self._deadline_seconds)
        except (BrokenProcessPool, OSError, EOFError) as error:
            # The pool broke before this one was handed over: it is as innocent as before. The other errors are those of a
            # forkserver that was killed: it is asked for a process, and does not answer.
            if not isinstance(error, BrokenProcessPool):
                logger.warning("training process not started, tried again reason=%r", error)
            request.attempts -= 1
            self._suspects.append(request)
            if not self._running:
                self._stop()
            return False
        self._running[future] = request
        return True

    def _recover(self) -> list[Outcome[Job, Result]]:
        outcomes: list[Outcome[Job, Result]] = []
        for future, request in self._running.items():
            # The last results may have arrived just before the process died.
            if future.done() and future.exception() is None:
                outcomes.append(Outcome(request.key, request.job, future.result(), None))
            elif request.attempts >= ATTEMPTS:
                message = (
                    f"{request.key}: its training ended its process {ATTEMPTS} times (killed, out of memory, or over the "
                    f"deadline of {self._deadline_seconds:g} s)"
                )
                logger.error("training failed ticker=%s reason=%s", request.key, message)
                outcomes.append(Outcome(request.key, request.job, None, TrainingError(message)))
            else:
                self._suspects.append(request)
        logger.warning("training process lost, pool rebuilt, trainings tried again one at a time count=%d", len(self._suspects))
        self._running.clear()
        self._stop()
        return outcomes

    def _processes(self) -> tuple[ProcessPoolExecutor, Connection]:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([FORKSERVER_START, *self._preload])
        # Starting the resource tracker unblocks SIGINT again; one that is there already leaves the mask alone.
        resource_tracker.ensure_running()
        with _environment(ONE_THREAD), _interrupt_blocked():
            forkserver.ensure_running()
        theirs, ours = context.Pipe(duplex=False)
        executor = ProcessPoolExecutor(self._jobs, mp_context=context, initializer=_watch, initargs=(theirs,))
        return executor, ours

    def _stop(self) -> None:
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


def _run(function: Callable[[Job], Result], job: Job, deadline_seconds: float) -> Result:
    faulthandler.dump_traceback_later(deadline_seconds, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        return function(job)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _watch(lifeline: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a training has to say stands in its result, and the parent logs it; two voices on one stderr garble its progress bar.
    logging.getLogger().addHandler(logging.NullHandler())
    threading.Thread(target=_exit_with_parent, args=(lifeline,), daemon=True).start()


def _exit_with_parent(lifeline: Connection) -> None:
    # Nothing is ever sent: the pipe ends when the parent closes it, or dies in whatever way.
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
    # The mask is inherited by the forkserver, which lifts it once it can end without a traceback.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
