"""Optimizations that run while their clients listen: each id's progress and end, for any number of streams."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from optimizer.service import Progress

logger = logging.getLogger(__name__)

Event = dict[str, Any]
Result = TypeVar("Result")
#: A client opens its stream some milliseconds before its request, or after; an id is unknown after this long.
UNKNOWN_SECONDS: Final = 5.0
#: Ids remembered at once. Results take some kB each; the oldest finished ones leave first.
_MOST_JOBS: Final = 2_000
#: The content of a job whose request was refused: nothing ran under its id, so a better request may have it.
_REFUSED: Final = object()


class TooManyError(Exception):
    """As much is under way as the settings allow; asking again later will do."""


class SameIdError(Exception):
    """The request id belongs to another request."""


class Slots:
    """At most `count` of something at once. Thread-safe."""

    def __init__(self, count: int) -> None:
        self._semaphore = threading.BoundedSemaphore(count)

    def acquire(self) -> None:
        """Take one. Raises TooManyError when all are taken."""
        if not self._semaphore.acquire(blocking=False):
            raise TooManyError

    def release(self) -> None:
        """Give it back."""
        self._semaphore.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _Job:
    """One id: what was last said, and whether that was the end."""

    def __init__(self, changed: threading.Condition, now: float) -> None:
        self.changed = changed
        self.since = now
        self.content: object = None
        self.last: Event = progress_event(0, "Waiting for the request")
        self.ended = False
        self.listeners = 0

    @property
    def started(self) -> bool:
        return self.content is not None


class Jobs:
    """All ids that clients asked for. Thread-safe; `close` ends every stream and starts nothing more.

    A result waits `ttl_seconds` for streams, so that a reconnecting one gets it again; then the id is forgotten.
    """

    def __init__(self, workers: int, ttl_seconds: float, heartbeat_seconds: float, clock: Callable[[], float] = time.monotonic):
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="optimization")
        self._ttl_seconds = ttl_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._clock = clock
        self._mutex = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._closed = False

    def run(self, work: Callable[[], Result]) -> Result:
        """The result of work that its caller waits for, or what it raises.

        In the same few threads as all of it: a solver's deep stack stays with a thread, and the server has hundreds.
        """
        return self._executor.submit(work).result()

    def start(
        self, request_id: str, content: object, run: Callable[[Progress], object], describe: Callable[[Exception], str]
    ) -> bool:
        """Run in the background, unless a request of this content is known by this id already (False).

        Raises SameIdError where the id belongs to another content.
        """
        with self._mutex:
            self._forget_old()
            job = self._job(request_id)
            if job.content is _REFUSED:
                job = self._new(request_id)
            if job.started:
                if job.content != content:
                    raise SameIdError
                return False
            job.content = content
            job.since = self._clock()
        self._executor.submit(self._run, job, run, describe)
        return True

    def refuse(self, request_id: str, message: str) -> None:
        """End an id with an error before anything ran; one that is under way or done stays as it is.

        Streams are told the last refusal until a request that is accepted takes the id.
        """
        with self._mutex:
            self._forget_old()
            job = self._job(request_id)
            if not job.started or job.content is _REFUSED:
                job.content = _REFUSED
                self._say(job, error_event(message), ended=True)

    def follow(self, request_id: str) -> Iterator[Event]:
        """What happens to an id, from its last event to its end; in silence the last event is repeated, as a sign of life.

        An id that nobody asked for ends with an error after some seconds.
        """
        with self._mutex:
            self._forget_old()
            job = self._job(request_id)
            job.listeners += 1
        try:
            yield from self._events(request_id, job)
        finally:
            with self._mutex:
                job.listeners -= 1
                if not job.started and not job.listeners and self._jobs.get(request_id) is job:
                    del self._jobs[request_id]

    def close(self) -> None:
        """End all streams; optimizations under way are left to end by themselves."""
        with self._mutex:
            self._closed = True
            for job in self._jobs.values():
                job.changed.notify_all()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def __len__(self) -> int:
        with self._mutex:
            return len(self._jobs)

    def _events(self, request_id: str, job: _Job) -> Iterator[Event]:
        said: Event | None = None
        unknown_at = self._clock() + UNKNOWN_SECONDS
        while True:
            with self._mutex:
                until = self._clock() + self._heartbeat_seconds
                while job.last is said and not self._closed and self._clock() < until:
                    if not job.started and self._clock() >= unknown_at:
                        self._say(job, error_event(f"Unknown request id: {request_id}"), ended=True)
                        break
                    job.changed.wait(min(until, until if job.started else unknown_at) - self._clock())
                if self._closed and not job.ended:
                    return
                said, ended = job.last, job.ended
            yield said
            if ended:
                return

    def _run(self, job: _Job, run: Callable[[Progress], object], describe: Callable[[Exception], str]) -> None:
        def progress(percent: int, message: str) -> None:
            with self._mutex:
                self._say(job, progress_event(percent, message))

        try:
            event = complete_event(run(progress))
        except Exception as error:  # noqa: BLE001 - whatever it is, the client that waits must hear of an end
            event = error_event(describe(error))
        with self._mutex:
            self._say(job, event, ended=True)

    def _job(self, request_id: str) -> _Job:
        job = self._jobs.get(request_id)
        return self._new(request_id) if job is None or (job.ended and not job.started) else job

    def _new(self, request_id: str) -> _Job:
        job = self._jobs[request_id] = _Job(threading.Condition(self._mutex), self._clock())
        return job

    def _say(self, job: _Job, event: Event, *, ended: bool = False) -> None:
        job.last = event
        job.ended = ended
        job.since = self._clock()
        job.changed.notify_all()

    def _forget_old(self) -> None:
        oldest = self._clock() - self._ttl_seconds
        finished = [key for key, job in self._jobs.items() if job.ended]
        excess = max(0, len(self._jobs) - _MOST_JOBS)
        for number, key in enumerate(finished):
            if number < excess or self._jobs[key].since < oldest:
                del self._jobs[key]


def progress_event(percent: int, message: str) -> Event:
    """How far it is."""
    return {"type": "progress", "progress": percent, "message": message}


def complete_event(result: object) -> Event:
    """The end, with the result."""
    return {"type": "complete", "progress": 100, "message": "Optimization complete", "result": result}


def error_event(message: str) -> Event:
    """The end, with the reason."""
    return {"type": "error", "message": message}
