"""The pool of training processes. It gets jobs little by little, and survives the death of its processes.

A forkserver imports the libraries and does nothing else; the training processes are its forks. So a new process starts in
milliseconds and shares memory (a process that ran torch or xgboost must not be forked, a process that only imported them may).
Measured on two cores: first results after 8 s instead of 9 to 21, 454 MB instead of 750 per process, most of it shared.

A job that runs past its deadline ends its process from within and leaves a traceback on stderr. After the death of a process
the pool is rebuilt, and the jobs in flight are tried again one at a time: only a job that kills its process twice fails.
"""

from __future__ import annotations

import faulthandler
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Final, Generic, Self, TypeVar

from commands import interrupts
from commands.executor import Executor
from errors import TrainingError
from models.stopwatch import stopwatch

logger = logging.getLogger(__name__)

Job = TypeVar("Job")
Result = TypeVar("Result")

#: Jobs handed over per process: a running job and the next.
IN_FLIGHT_PER_PROCESS: Final = 2
ATTEMPTS: Final = 2


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Job, Result]):
    """The outcome of a request: a result, or an error that names the key."""

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
    """Runs `function(job)` in `jobs` processes with the modules of `preload`. Not safe for several threads.

    `request` queues a job; `poll` hands jobs over and returns outcomes. A request that has not begun is replaced by the next
    request of its key. A context manager: leaving it ends the processes at once, whatever they do.
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
        self._running: dict[Future[tuple[Result, dict[str, float]]], _Request[Job]] = {}
        self._executor: Executor | None = None
        #: How often training processes were lost.
        self.deaths = 0
        #: Seconds that trainings took in their processes, by model.
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Requests without an outcome."""
        return len(self._waiting) + len(self._suspects) + len(self._running)

    def request(self, key: str, build: Callable[[], Job]) -> None:
        """Queue a request. `build` makes the job at its turn, from the newest state; a waiting request needs no memory."""
        self._waiting[key] = build

    def withdraw(self, key: str) -> None:
        """Forget the key's request if it has not begun."""
        self._waiting.pop(key, None)

    def poll(self, *, block: bool) -> list[Outcome[Job, Result]]:
        """Hand over requests and return outcomes. With `block`, wait for an outcome unless no request is open."""
        while True:
            with interrupts.deferred():
                outcomes = self._poll(interrupts.LONGEST_SECONDS if block else 0.0)
            # After the death of a process there may be no outcome, only jobs to try again.
            if outcomes or not block or not self._running:
                return outcomes

    def _poll(self, seconds: float) -> list[Outcome[Job, Result]]:
        self._hand_over()
        if not self._running or self._executor is None:
            return []
        done, _ = self._executor.await_any(self._running, seconds)
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
        return outcomes

    def close(self) -> None:
        """End the processes at once. Outcomes of running jobs are lost."""
        self._waiting.clear()
        self._suspects.clear()
        self._running.clear()
        with interrupts.deferred():
            self._stop()

    def _outcome(
        self, request: _Request[Job], future: Future[tuple[Result, dict[str, float]]], error: BaseException | None
    ) -> Outcome[Job, Result]:
        if error is None:
            return self._success(request, future)
        logger.error("training failed ticker=%s", request.key, exc_info=error)
        return Outcome(
            request.key, request.job, None, TrainingError(f"{request.key}: training failed: {type(error).__name__}: {error}")
        )

    def _success(self, request: _Request[Job], future: Future[tuple[Result, dict[str, float]]]) -> Outcome[Job, Result]:
        result, seconds = future.result()
        for model, spent in seconds.items():
            self.seconds[model] = self.seconds.get(model, 0.0) + spent
        return Outcome(request.key, request.job, result, None)

    def _hand_over(self) -> None:
        # A job that cannot be started now is tried again at the next poll.
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
                self._executor = Executor(self._jobs, preload=self._preload, initializer=_leave_errors_to_parent)
            future = self._executor.submit(_run, self._function, request.job, self._deadline_seconds)
        except (BrokenProcessPool, OSError, EOFError) as error:
            # A process died before this job was handed over, so the attempt does not count. The other errors come from a
            # killed forkserver, which does not answer the request for a process.
            # If jobs run, `_recover` counts the loss.
            self.deaths += not self._running
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
            # A result may have arrived just before the process died.
            if future.done() and future.exception() is None:
                outcomes.append(self._success(request, future))
            elif request.attempts >= ATTEMPTS:
                message = (
                    f"{request.key}: its training ended its process {ATTEMPTS} times (killed, out of memory, or over the "
                    f"deadline of {self._deadline_seconds:g} s)"
                )
                logger.error("training failed ticker=%s reason=%s", request.key, message)
                outcomes.append(Outcome(request.key, request.job, None, TrainingError(message)))
            else:
                self._suspects.append(request)
        self.deaths += 1
        logger.warning("training process lost, pool rebuilt, trainings tried again one at a time count=%d", len(self._suspects))
        self._running.clear()
        self._stop()
        return outcomes

    def _stop(self) -> None:
        if self._executor is not None:
            self._executor.end()
            self._executor = None


def _run(function: Callable[[Job], Result], job: Job, deadline_seconds: float) -> tuple[Result, dict[str, float]]:
    faulthandler.dump_traceback_later(deadline_seconds, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        with stopwatch() as seconds:
            result = function(job)
        return result, seconds
    finally:
        faulthandler.cancel_dump_traceback_later()


def _leave_errors_to_parent() -> None:
    # The parent logs the result: two writers on one stderr garble the progress bar.
    logging.getLogger().addHandler(logging.NullHandler())
