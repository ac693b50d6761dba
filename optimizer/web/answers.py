"""JSON in, JSON out: every answer, errors included, is an object that any JSON parser takes."""

from __future__ import annotations

import logging
from typing import Any, Final

import msgspec
from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from errors import (
    ForecastingError,
    InfeasibleTargetError,
    InsufficientDataError,
    NoDataError,
    OptimizationError,
    RequestError,
    SchemaError,
    StateError,
)

logger = logging.getLogger(__name__)

#: HTTP status of an error that is raised on purpose; the first class that fits counts.
_STATUS: Final[tuple[tuple[type[ForecastingError], int], ...]] = (
    (RequestError, 400),
    (InfeasibleTargetError, 400),
    (InsufficientDataError, 400),
    (NoDataError, 503),
    (OptimizationError, 503),
    (StateError, 503),
    (SchemaError, 503),
)
#: Of a caller's path or method no more than this is repeated.
_SHOWN: Final = 80
#: The whole message to a caller about an internal failure.
INTERNAL: Final = "internal error; the service's log has the details"


def json_answer(content: Any, status: int = 200) -> Response:
    """A response of JSON. NaN becomes null, since JSON has no NaN; results never hold any."""
    return Response(msgspec.json.encode(content), status, mimetype="application/json")


def refuse(status: int, message: str) -> Response:
    """An error as the contract has it."""
    return json_answer({"error": message}, status)


def json_body(request: Request) -> Any:
    """The decoded body. Raises RequestError for one that is not JSON; Flask answers 413 and 415 by itself."""
    if not request.is_json:
        raise UnsupportedBodyError
    try:
        return msgspec.json.decode(request.get_data(cache=False))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the body is not valid JSON: {error}") from error


class UnsupportedBodyError(Exception):
    """The body says that it is something else than JSON."""


def status_of(error: ForecastingError) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def message_of(error: ForecastingError) -> str:
    """The message for a caller: that of the error, unless it is about internals."""
    if isinstance(error, StateError | SchemaError):
        return "the forecasts cannot be read at the moment; the service's log has the details"
    return str(error) if status_of(error) < 500 or isinstance(error, NoDataError) else INTERNAL


def too_large(most: int) -> str:
    """The reason for which a body is refused that has more than so many bytes."""
    return f"the body is too large: at most {most:,} bytes are taken"


def sentence_of(app: Flask, error: Exception) -> str:
    """What a caller reads where a request is refused before it is looked at."""
    if isinstance(error, UnsupportedBodyError):
        return "the body must be JSON: send Content-Type: application/json"
    if isinstance(error, NotFound):
        return (
            f"there is nothing at {request.path[:_SHOWN]}: this service optimizes portfolios, and the page's other tabs need "
            "their own back end; /api/openapi.json describes what there is"
        )
    if isinstance(error, MethodNotAllowed):
        return f"{request.path[:_SHOWN]} takes {' or '.join(sorted(error.valid_methods or ()))}, not {request.method[:_SHOWN]}"
    if isinstance(error, RequestEntityTooLarge):
        return too_large(app.config["MAX_CONTENT_LENGTH"])
    if isinstance(error, HTTPException):
        return error.description or error.name
    return str(error)


def register_errors(app: Flask) -> None:
    """Turn everything that is raised into `{"error": text}`."""

    @app.errorhandler(UnsupportedBodyError)
    def unsupported(error: UnsupportedBodyError) -> Response:
        return refuse(415, sentence_of(app, error))

    @app.errorhandler(ForecastingError)
    def ours(error: ForecastingError) -> Response:
        status = status_of(error)
        if status >= 500:
            logger.warning("request failed status=%d reason=%s", status, error)
        return refuse(status, message_of(error))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        response = refuse(error.code or 500, sentence_of(app, error))
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        logger.error("request failed status=500", exc_info=error)
        return refuse(500, INTERNAL)
