"""The forecast table over HTTP, and how healthy it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
from flask import Flask, Response, request

from errors import SchemaError, StateError
from models.explain.explanation import explain
from optimizer.lookup import Freshness, sessions_between
from optimizer.session import Session
from optimizer.tickers import clean_tickers
from optimizer.web.answers import json_answer, refuse
from optimizer.web.metrics import Metrics
from optimizer.web.rendered_table import RenderedTable, TableRenderer, shown
from records import Forecast
from text import comma_list


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def register_table(app: Flask, session: Session, metrics: Metrics, today: Callable[[], dt.date] = _today) -> None:
    """GET /api/forecasts, /healthz, /readyz and /metrics; `today` is the date that the table's age is measured against."""
    reader = session.forecasts
    renderer = TableRenderer(lambda: (session.optimizer.table(), reader.unreadable()))

    @app.get("/api/forecasts")
    def forecasts() -> Response:
        text = request.args.get("tickers")
        if text is None:
            return _response(renderer.newest())
        chosen = clean_tickers(comma_list(text))
        rows, unreadable = _by_ticker(session), reader.unreadable()
        missing = {ticker: unreadable.get(ticker, _no_forecast(ticker)) for ticker in chosen.tickers if ticker not in rows}
        found = [shown(rows[ticker]) for ticker in chosen.tickers if ticker in rows]
        return json_answer({"forecasts": found, "missing": chosen.refused | missing})

    @app.get("/api/forecasts/<ticker>")
    def forecast(ticker: str) -> Response:
        chosen = clean_tickers([ticker])
        if not chosen.tickers:
            return refuse(404, f"{ticker[:40]} is not a ticker symbol")
        row = _by_ticker(session).get(chosen.tickers[0])
        if row is None:
            return refuse(404, reader.unreadable().get(chosen.tickers[0], _no_forecast(chosen.tickers[0])))
        if request.args.get("explain", "0") in ("", "0"):
            return json_answer(shown(row))
        rows = reader.all()
        written = next((each for each in rows if each.ticker == row.ticker), row)
        return json_answer({**msgspec.to_builtins(shown(row)), "explanation": explain(written, rows)})

    @app.get("/healthz")
    def alive() -> Response:
        return json_answer({"status": "alive"})

    @app.get("/readyz")
    def ready() -> Response:
        health = table_health(session, today())
        return json_answer(health, 200 if health["status"] == "ready" else 503)

    @app.get("/metrics")
    def figures() -> Response:
        return metrics.page()

    metrics.watch("forecast_rows", "Rows in the forecast table", lambda: float(table_health(session, today())["tickers"]))
    metrics.watch(
        "forecast_fresh_share", "Share of rows that serve", lambda: float(table_health(session, today())["fresh_share"])
    )
    metrics.watch(
        "forecast_newest_timestamp_seconds", "Date of the newest bar", lambda: _timestamp(table_health(session, today()))
    )


def _response(rendered: RenderedTable) -> Response:
    """To the request at hand: compressed where that is welcome, without a body where the caller has it already."""
    compressed = request.accept_encodings.quality("gzip") > 0
    response = Response(rendered.gzipped if compressed else rendered.plain, mimetype="application/json")
    if compressed:
        response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.cache_control.no_cache = True
    response.set_etag(rendered.tag, weak=True)
    response.make_conditional(request)
    return response


def table_health(session: Session, today: dt.date) -> dict[str, Any]:
    """Whether forecasts can be served: `tickers` in the table, the newest bar and its age, and the share that is fresh.

    Replayed history is as ready as a stream of today: `fresh_share` is measured against the newest bar, and `age_sessions`, the
    weekdays from that bar to today, shows a stream that has died.
    """
    unknown = {"status": "not ready", "tickers": 0, "newest_as_of": None, "age_sessions": None, "fresh_share": 0.0}
    try:
        rows = session.optimizer.table()
    except (StateError, SchemaError):
        return unknown | {"reason": "the forecast table cannot be read"}
    if not rows:
        return unknown | {"reason": "the forecast table is empty"}
    newest = max(row.as_of for row in rows)
    freshness = Freshness(newest, newest, session.settings.fresh_sessions)
    fresh = sum(freshness.refusal(row) is None for row in rows)
    return {
        "status": "ready",
        "tickers": len(rows),
        "newest_as_of": newest.isoformat(),
        "age_sessions": sessions_between(newest, max(newest, today)),
        "fresh_share": fresh / len(rows),
        "unreadable": len(session.forecasts.unreadable()),
    }


def _by_ticker(session: Session) -> dict[str, Forecast]:
    return {row.ticker: row for row in session.optimizer.table()}


def _timestamp(health: dict[str, Any]) -> float:
    newest = health["newest_as_of"]
    if newest is None:
        return 0.0
    return dt.datetime.combine(dt.date.fromisoformat(newest), dt.time(), dt.UTC).timestamp()


def _no_forecast(ticker: str) -> str:
    return f"{ticker}: no forecast in the table; none of its bars has been streamed yet"
