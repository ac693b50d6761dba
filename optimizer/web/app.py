"""The Flask application, made by a factory: no global, nothing opened on import."""

from __future__ import annotations

import contextlib
from typing import Final

from flask import Flask, Response

from optimizer.session import Session
from optimizer.web.access import register_access
from optimizer.web.answers import json_answer, register_errors
from optimizer.web.metrics import Metrics, register_request_figures
from optimizer.web.openapi import description
from optimizer.web.optimization import Optimizations, register_optimization
from optimizer.web.table import register_table
from review.live import LIVE_METRICS, LiveReview
from settings import Settings
from state.readers import ForecastReader

#: Under these names an application keeps its optimizations, and what its end must close.
OPTIMIZATIONS: Final = "optimizations"
_OPENED: Final = "opened"


def create_app(
    settings: Settings, reader: ForecastReader | None = None, *, session: Session | None = None, live: LiveReview | None = None
) -> Flask:
    """The application over the state that `settings` name.

    `reader` stands in for the forecast table's reader; `session` brings everything along and stays the caller's to close;
    `live` gives the live losses to /metrics.
    `close_app` ends what the application itself opened.
    """
    app = Flask("optimizer", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_request_bytes
    app.url_map.strict_slashes = False
    resources = app.extensions[_OPENED] = contextlib.ExitStack()
    opened = session or resources.enter_context(Session.open(settings, forecasts=reader))
    metrics = Metrics()
    if opened.provider is not None:
        opened.provider.on_call = metrics.count_provider_call
    if live is not None:
        metrics.watch(LIVE_METRICS, lambda: live.figures)
    optimizations = app.extensions[OPTIMIZATIONS] = resources.enter_context(contextlib.closing(Optimizations(opened, metrics)))
    register_errors(app)
    register_request_figures(app, metrics)
    hosts = (*settings.allowed_hosts, settings.host)
    register_access(app, settings.cors_origins, hosts, settings.api_token.get_secret_value() if settings.api_token else None)
    register_optimization(app, optimizations)
    register_table(app, opened, metrics)

    @app.get("/api/openapi.json")
    def openapi() -> Response:
        return json_answer(description())

    return app


def close_app(app: Flask) -> None:
    """End the application's streams and close what it opened; again does nothing."""
    resources: contextlib.ExitStack = app.extensions[_OPENED]
    resources.close()
