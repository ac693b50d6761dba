"""The Flask application, made by a factory: no global, nothing opened on import."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response

from optimizer.session import Session
from optimizer.web.access import register_access
from optimizer.web.answers import json_answer, register_errors
from optimizer.web.openapi import description
from optimizer.web.optimization import Optimizations, register_optimization
from optimizer.web.table import register_table
from optimizer.web.watching import Metrics, register_watching
from settings import Settings
from state.readers import ForecastReader

#: Under this name an application keeps what its end must close.
OPTIMIZATIONS: Final = "optimizations"


def create_app(settings: Settings, reader: ForecastReader | None = None, *, session: Session | None = None) -> Flask:
    """The application over the state that `settings` name.

    `reader` stands in for the forecast table's reader; `session` brings everything along and stays the caller's to close.
    """
    app = Flask("optimizer", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_request_bytes
    app.url_map.strict_slashes = False
    opened = session or Session.open(settings, forecasts=reader)
    metrics = Metrics()
    optimizations = app.extensions[OPTIMIZATIONS] = Optimizations(opened, metrics)
    register_errors(app)
    register_watching(app, metrics)
    register_access(app, settings.cors_origins, settings.api_token.get_secret_value() if settings.api_token else None)
    register_optimization(app, optimizations)
    register_table(app, opened, metrics)

    @app.get("/api/openapi.json")
    def openapi() -> Response:
        return json_answer(description())

    return app
