"""The forecast table over HTTP, and how healthy it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import msgspec
from flask import Flask, Response, request

from models.explain.explanation import explain
from optimizer.session import Session
from optimizer.tickers import clean_tickers
from optimizer.web.answers import json_answer, refuse
from optimizer.web.metrics import Metrics
from optimizer.web.readiness import SERVICE_METRICS, Readiness
from optimizer.web.rendered_table import RenderedTable, TableRenderer, shown
from records import Forecast
from text import comma_list


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def register_table(app: Flask, session: Session, metrics: Metrics, now: Callable[[], dt.datetime] = _now) -> None:
    """GET /api/forecasts, /healthz, /readyz and /metrics; `now` is what the bars' age is measured against."""
    readiness = Readiness(session, now)
    reader = session.forecasts
    renderer = TableRenderer(lambda: (session.optimizer.rows.table(), reader.unreadable()))

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
        health = readiness.health()
        return json_answer(health.page, 200 if health.is_ready else 503)

    @app.get("/metrics")
    def figures() -> Response:
        return metrics.page()

    metrics.watch(SERVICE_METRICS, readiness.health)


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


def _by_ticker(session: Session) -> dict[str, Forecast]:
    return {row.ticker: row for row in session.optimizer.rows.table()}


def _no_forecast(ticker: str) -> str:
    return f"{ticker}: no forecast in the table; none of its bars has been streamed yet"
