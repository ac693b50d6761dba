"""The Flask application, made by a factory: no global, nothing opened on import."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request

from optimizer.request import parse_request
from optimizer.session import Session
from optimizer.tickers import clean_tickers
from optimizer.web.answers import json_answer, json_body, refuse, register_errors
from settings import Settings
from state.readers import ForecastReader

#: Under this name the application keeps its session.
SESSION: Final = "session"


def create_app(settings: Settings, reader: ForecastReader | None = None, *, session: Session | None = None) -> Flask:
    """The application over the state that `settings` name.

    `reader` stands in for the forecast table's reader; `session` brings everything along and stays the caller's to close.
    """
    app = Flask("optimizer", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_request_bytes
    opened = session or Session.open(settings, forecasts=reader)
    app.extensions[SESSION] = opened
    register_errors(app)
    _forecasts(app, opened)
    _optimization(app, opened)

    @app.get("/healthz")
    def alive() -> Response:
        return json_answer({"status": "alive"})

    return app


def _optimization(app: Flask, session: Session) -> None:
    @app.post("/api/optimize-portfolio")
    def optimize_portfolio() -> Response:
        wanted = parse_request(json_body(request))
        return json_answer(session.optimizer.optimize(wanted))


def _forecasts(app: Flask, session: Session) -> None:
    @app.get("/api/forecasts")
    def forecasts() -> Response:
        text = request.args.get("tickers")
        if text is None:
            return json_answer({"forecasts": session.forecasts.all(), "unreadable": session.forecasts.unreadable()})
        chosen = clean_tickers(text.split(","))
        rows = session.forecasts.get_many(chosen.tickers)
        unreadable = session.forecasts.unreadable()
        missing = chosen.refused | {
            ticker: unreadable.get(ticker, _no_forecast(ticker)) for ticker in chosen.tickers if ticker not in rows
        }
        return json_answer({"forecasts": list(rows.values()), "missing": missing})

    @app.get("/api/forecasts/<ticker>")
    def forecast(ticker: str) -> Response:
        chosen = clean_tickers([ticker])
        if not chosen.tickers:
            return refuse(404, f"{ticker[:40]} is not a ticker symbol")
        row = session.forecasts.get(chosen.tickers[0])
        return json_answer(row) if row is not None else refuse(404, _no_forecast(chosen.tickers[0]))


def _no_forecast(ticker: str) -> str:
    return f"{ticker}: no forecast in the table; none of its bars has been streamed yet"
