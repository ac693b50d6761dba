"""POST /api/optimize-portfolio in both forms, and the stream of the newer form."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Iterator
from typing import IO, Any, Final

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from errors import ForecastingError, RequestError
from optimizer.progress import Progress, no_progress
from optimizer.request import AllocationRequest, parse_request
from optimizer.result import Result
from optimizer.session import Session
from optimizer.web.answers import INTERNAL, UnsupportedBodyError, json_answer, json_body, message_of, refuse, sentence_of
from optimizer.web.jobs import STOPPING, Jobs, Listener, SameIdError
from optimizer.web.metrics import Metrics
from optimizer.web.slots import BrowserStreams, Slots, TooManyError
from optimizer.web.workers import StoppingError

logger = logging.getLogger(__name__)

#: What a client may call its request: letters, digits and a few signs, as `req_1731600000000_ab12cd34e`.
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:~-]{1,128}")
#: Where a body that is not read as JSON may still name its request: clients put the id last, or first.
_ID_IN_BODY: Final = re.compile(rb'"request_id"\s*:\s*"([A-Za-z0-9_.:~-]{1,128})"')
_SEARCHED_BYTES: Final = 4096
_RETRY_SECONDS: Final = 1
#: Every browser's User-Agent begins with it.
_BROWSER: Final = "Mozilla/"
_TOO_MANY: Final = "too many requests at once; ask again in a second"


class Optimizations:
    """Runs what is asked for, at most so much at once, and keeps the jobs of the newer client."""

    def __init__(self, session: Session, metrics: Metrics) -> None:
        settings = session.settings
        self._session = session
        self._metrics = metrics
        self._slots = Slots(settings.max_optimizations)
        self._streams = Slots(settings.max_streams)
        self._browsers = BrowserStreams()
        self.jobs = Jobs(settings.max_optimizations, settings.result_ttl_seconds, settings.heartbeat_seconds)

    def answer(self, body: Any) -> Response:
        """The result, or for a request with an id that it was started. A refusal ends the id's streams with its reason."""
        request_id = _request_id(body)
        try:
            wanted = parse_request(body)
            self._session.optimizer.tickers_of(wanted)
            if request_id is not None:
                return self._start(request_id, wanted)
        except (RequestError, TooManyError) as error:
            if request_id is not None:
                self.jobs.refuse(request_id, _TOO_MANY if isinstance(error, TooManyError) else str(error))
            raise
        with self._slots:
            return json_answer(self.jobs.run(lambda: self._run(wanted, no_progress)))

    def refuse_unread(self, body: IO[bytes], message: str) -> None:
        """End the streams of a request whose body is not taken (too large, not JSON) with the reason, if it names an id."""
        request_id = _id_in(body)
        if request_id is not None:
            self.jobs.refuse(request_id, message)

    def stream(self, request_id: str, browser: object) -> Response:
        """The events of an id, as server-sent events. `browser` identifies the browser, None for other clients."""
        if not _REQUEST_ID.fullmatch(request_id):
            return refuse(404, "not a request id")
        self._streams.acquire()
        self._metrics.streams.inc()
        listener = Listener()
        if browser is not None:
            self._browsers.add(browser, listener)

        def ended() -> None:
            self._browsers.remove(browser, listener)
            self._metrics.streams.dec()
            self._streams.release()

        response = Response(_frames(self.jobs.follow(request_id, listener)), mimetype="text/event-stream")
        response.call_on_close(ended)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
        return response

    def close(self) -> None:
        """End all streams."""
        self.jobs.close()

    def _start(self, request_id: str, wanted: AllocationRequest) -> Response:
        self._slots.acquire()

        def run(progress: Progress) -> msgspec.Raw:
            try:
                # It waits for minutes for its client: as bytes it is a tenth of the size.
                return msgspec.Raw(msgspec.json.encode(self._run(wanted, progress)))
            finally:
                self._slots.release()

        content = hashlib.blake2b(wanted.model_dump_json().encode()).digest()
        try:
            started = self.jobs.start(request_id, content, run, _described)
        except BaseException:
            self._slots.release()
            raise
        if not started:
            self._slots.release()
        return json_answer({"message": "Optimization started", "request_id": request_id})

    def _run(self, wanted: AllocationRequest, progress: Progress) -> Result:
        started = time.perf_counter()
        outcome = "failed"
        with self._metrics.running.track_inprogress():
            try:
                result = self._session.optimizer.optimize(wanted, progress)
                outcome = "done"
            except ForecastingError:
                outcome = "refused"
                raise
            finally:
                self._metrics.optimizations.labels(outcome).inc()
                self._metrics.optimization_seconds.observe(time.perf_counter() - started)
        for source, count in result["estimates"].items():
            self._metrics.estimates.labels(source).inc(count)
        return result


def register_optimization(app: Flask, optimizations: Optimizations) -> None:
    """The two routes, and the answers for what is too much."""

    @app.post("/api/optimize-portfolio")
    def optimize_portfolio() -> Response:
        try:
            body = json_body(request)
        except (RequestError, UnsupportedBodyError, RequestEntityTooLarge) as error:
            optimizations.refuse_unread(request.environ["wsgi.input"], sentence_of(app, error))
            raise
        return optimizations.answer(body)

    @app.get("/api/progress-stream/<request_id>")
    def progress_stream(request_id: str) -> Response:
        agent = request.headers.get("User-Agent", "")
        # Behind a proxy all browsers have one address, and the header tells them apart.
        browser = (request.remote_addr, request.headers.get("X-Forwarded-For"), agent) if _BROWSER in agent else None
        return optimizations.stream(request_id, browser)

    @app.errorhandler(TooManyError)
    def too_many(_: TooManyError) -> Response:
        response = refuse(429, _TOO_MANY)
        response.headers["Retry-After"] = str(_RETRY_SECONDS)
        return response

    @app.errorhandler(StoppingError)
    def stopping(_: StoppingError) -> Response:
        response = refuse(503, STOPPING)
        response.headers["Retry-After"] = str(_RETRY_SECONDS)
        return response

    @app.errorhandler(SameIdError)
    def same_id(_: SameIdError) -> Response:
        return refuse(409, "request_id belongs to another request already: choose a new id for each")


def _request_id(body: Any) -> str | None:
    given = body.get("request_id") if isinstance(body, dict) else None
    if given is None or given == "":
        return None
    if not isinstance(given, str) or not _REQUEST_ID.fullmatch(given):
        raise RequestError("request_id: 1 to 128 letters, digits and _ . : ~ - are needed")
    return given


def _id_in(body: IO[bytes]) -> str | None:
    """The request id in the last or the first bytes of a body."""
    try:
        size = body.seek(0, os.SEEK_END)
        for start in (max(0, size - _SEARCHED_BYTES), 0):
            body.seek(start)
            found = _ID_IN_BODY.search(body.read(_SEARCHED_BYTES))
            if found:
                return found[1].decode()
    except (OSError, ValueError):
        logger.warning("a refused body cannot be searched for its request id", exc_info=True)
    return None


def _described(error: Exception) -> str:
    if isinstance(error, ForecastingError):
        logger.warning("optimization refused reason=%s", error)
        return message_of(error)
    logger.error("optimization failed", exc_info=error)
    return INTERNAL


def _frames(events: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    try:
        for event in events:
            yield b"event: %s\ndata: %s\n\n" % (event["type"].encode(), msgspec.json.encode(event))
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
