"""Optimizations that run while their clients listen: each id's progress and end, for any number of streams."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from optimizer.progress import Progress
from optimizer.web.workers import StoppingError, Workers

Event = dict[str, Any]
Result = TypeVar("Result")
#: A client opens its stream some milliseconds before its request, or after. A stream whose request has not come after this long
#: ends without an event: the browser opens it again by itself, and the page keeps the message of a request that was refused.
UNKNOWN_SECONDS: Final = 5.0
#: Ids remembered at once. Results take some kB each; the oldest finished jobs leave first.
_MOST_JOBS: Final = 2_000
#: The content of a job whose request was refused: nothing ran under its id, so a better request may have it.
_REFUSED: Final = object()
#: The message for streams and requests under way when the service stops.
STOPPING: Final = "the service is being stopped: ask again in a moment"


class SameIdError(Exception):
    """The request id belongs to another request."""


class _Job:
    """One id: its last progress, and its end once it has one."""

    def __init__(self, changed: threading.Condition, now: float) -> None:
        self.changed = changed
        self.since = now
        self.content: object = None
        self.progress: Event = progress_event(0, "Waiting for the request")
        self.end: Event | None = None
        self.listeners = 0

    @property
    def started(self) -> bool:
        return self.content is not None


class Listener:
    """One stream of one id. `leave` ends it without an event; the browser opens it again by itself."""

    def __init__(self) -> None:
        self.left = False
        self.job: _Job | None = None

    def leave(self) -> None:
        """End the stream at its next look, which is at once."""
        self.left = True
        job = self.job
        if job is not None:
            with job.changed:
                job.changed.notify_all()


class Jobs:
    """All ids that clients asked for. Thread-safe; `close` ends every stream and starts nothing more.

    A result waits `ttl_seconds` for streams, so that a reconnecting one gets it again; then the id is forgotten.
    """

    def __init__(self, workers: int, ttl_seconds: float, heartbeat_seconds: float, clock: Callable[[], float] = time.monotonic):
        self._workers = Workers(workers)
        self._ttl_seconds = ttl_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._clock = clock
        self._mutex = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._closed = False

    def run(self, work: Callable[[], Result]) -> Result:
        """The result of work that its caller waits for, or what it raises; StoppingError if the service is stopped meanwhile.

        In the same few threads as all of it: a solver's deep stack stays with a thread, and the server has hundreds.
        """
        return self._workers.run(work)

    def start(
        self, request_id: str, content: object, run: Callable[[Progress], object], describe: Callable[[Exception], str]
    ) -> bool:
        """Run in the background, unless a request of this content is known by this id already (False).

        Raises SameIdError where the id belongs to another content, StoppingError after `close`.
        """
        with self._mutex:
            if self._closed:
                raise StoppingError
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
        self._workers.submit(lambda: self._run(job, run, describe))
        return True

    def refuse(self, request_id: str, message: str) -> None:
        """End an id with an error before anything ran; one that is under way or done stays as it is.

        Streams get the last refusal until a request that is accepted takes the id.
        """
        with self._mutex:
            self._forget_old()
            job = self._job(request_id)
            if not job.started or job.content is _REFUSED:
                job.content = _REFUSED
                self._end(job, error_event(message))

    def follow(self, request_id: str, listener: Listener | None = None) -> Iterator[Event]:
        """What happens to an id: its last progress, each further one, and its end; in silence the last event is repeated.

        An id without a request ends after some seconds without an event.
        """
        listener = listener or Listener()
        with self._mutex:
            self._forget_old()
            job = listener.job = self._job(request_id)
            job.listeners += 1
        try:
            yield from self._events(job, listener)
        finally:
            with self._mutex:
                job.listeners -= 1
                if not job.started and not job.listeners and self._jobs.get(request_id) is job:
                    del self._jobs[request_id]

    def close(self) -> None:
        """End what is under way with an error for all who wait, and every stream; optimizations end by themselves, unheard."""
        with self._mutex:
            self._closed = True
            for job in self._jobs.values():
                if job.started and job.end is None:
                    self._end(job, error_event(STOPPING))
                job.changed.notify_all()
        self._workers.close()

    def __len__(self) -> int:
        with self._mutex:
            return len(self._jobs)

    def _events(self, job: _Job, listener: Listener) -> Iterator[Event]:
        said: Event | None = None
        unknown_at = self._clock() + UNKNOWN_SECONDS
        while True:
            with self._mutex:
                until = self._clock() + self._heartbeat_seconds
                while job.progress is said and job.end is None and not listener.left and not self._closed:
                    limit = until if job.started else min(until, unknown_at)
                    if self._clock() >= limit:
                        break
                    job.changed.wait(limit - self._clock())
                end, progress = job.end, job.progress
                gone = listener.left or self._closed or (not job.started and self._clock() >= unknown_at)
            if end is None and gone:
                return
            if end is None or progress is not said:
                said = progress
                # The last progress states what the result rests on; nothing has run for a refused request.
                if end is None or end["type"] == "complete":
                    yield progress
            if end is not None:
                yield end
                return

    def _run(self, job: _Job, run: Callable[[Progress], object], describe: Callable[[Exception], str]) -> None:
        def progress(percent: int, message: str) -> None:
            with self._mutex:
                if job.end is None:
                    job.progress = progress_event(percent, message)
                    job.since = self._clock()
                    job.changed.notify_all()

        try:
            event = complete_event(run(progress))
        except Exception as error:  # noqa: BLE001 - the client that waits must be sent an end
            if self._closed:
                return
            event = error_event(describe(error))
        with self._mutex:
            if job.end is None:
                self._end(job, event)

    def _job(self, request_id: str) -> _Job:
        job = self._jobs.get(request_id)
        return self._new(request_id) if job is None else job

    def _new(self, request_id: str) -> _Job:
        job = self._jobs[request_id] = _Job(threading.Condition(self._mutex), self._clock())
        return job

    def _end(self, job: _Job, event: Event) -> None:
        job.end = event
        job.since = self._clock()
        job.changed.notify_all()

    def _forget_old(self) -> None:
        oldest = self._clock() - self._ttl_seconds
        finished = [key for key, job in self._jobs.items() if job.end is not None]
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
