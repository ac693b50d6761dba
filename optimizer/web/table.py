"""The forecast table over HTTP, and how healthy it is."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import Any

import msgspec
from flask import Flask, Response, request

from errors import SchemaError, StateError
from optimizer.lookup import Freshness
from optimizer.session import Session
from optimizer.tickers import clean_tickers
from optimizer.web.answers import json_answer, refuse
from optimizer.web.watching import Metrics
from records import Forecast
from state.follower import REFRESH_SECONDS


def register_table(app: Flask, session: Session, metrics: Metrics) -> None:
    """GET /api/forecasts, /healthz, /readyz and /metrics."""
    reader = session.forecasts
    whole = _WholeTable(session)

    @app.get("/api/forecasts")
    def forecasts() -> Response:
        text = request.args.get("tickers")
        if text is None:
            return Response(whole.encoded(), mimetype="application/json")
        chosen = clean_tickers(text.split(","))
        rows, unreadable = _by_ticker(session), reader.unreadable()
        missing = {ticker: unreadable.get(ticker, _no_forecast(ticker)) for ticker in chosen.tickers if ticker not in rows}
        found = [_shown(rows[ticker]) for ticker in chosen.tickers if ticker in rows]
        return json_answer({"forecasts": found, "missing": chosen.refused | missing})

    @app.get("/api/forecasts/<ticker>")
    def forecast(ticker: str) -> Response:
        chosen = clean_tickers([ticker])
        if not chosen.tickers:
            return refuse(404, f"{ticker[:40]} is not a ticker symbol")
        row = _by_ticker(session).get(chosen.tickers[0])
        if row is None:
            return refuse(404, reader.unreadable().get(chosen.tickers[0], _no_forecast(chosen.tickers[0])))
        return json_answer(_shown(row))

    @app.get("/healthz")
    def alive() -> Response:
        return json_answer({"status": "alive"})

    @app.get("/readyz")
    def ready() -> Response:
        health = table_health(session)
        return json_answer(health, 200 if health["status"] == "ready" else 503)

    @app.get("/metrics")
    def figures() -> Response:
        return metrics.page()

    metrics.watch("forecast_rows", "Rows in the forecast table", lambda: float(table_health(session)["tickers"]))
    metrics.watch("forecast_fresh_share", "Share of rows that serve", lambda: float(table_health(session)["fresh_share"]))
    metrics.watch("forecast_newest_timestamp_seconds", "Date of the newest bar", lambda: _timestamp(table_health(session)))


class _WholeTable:
    """The whole table as JSON, encoded once for all who ask within the time in which the reader sees nothing new anyway."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._mutex = threading.Lock()
        self._body = b""
        self._until = float("-inf")

    def encoded(self) -> bytes:
        """The body, about `REFRESH_SECONDS` older than what the reader has at most. Raises what reading raises.

        While one caller encodes a new body, the others get the last one at once, if that is not older than twice the time.
        """
        now = time.monotonic()
        if now < self._until:
            return self._body
        if not self._mutex.acquire(blocking=now >= self._until + REFRESH_SECONDS):
            return self._body
        try:
            if time.monotonic() >= self._until:
                rows = [_shown(row) for row in self._session.optimizer.table()]
                self._body = msgspec.json.encode({"forecasts": rows, "missing": self._session.forecasts.unreadable()})
                self._until = time.monotonic() + REFRESH_SECONDS
            return self._body
        finally:
            self._mutex.release()


def table_health(session: Session) -> dict[str, Any]:
    """Whether forecasts can be served: `tickers` in the table, `newest_as_of`, and the share that is fresh."""
    unknown = {"status": "not ready", "tickers": 0, "newest_as_of": None, "fresh_share": 0.0}
    try:
        rows = session.forecasts.all()
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
        "fresh_share": fresh / len(rows),
        "unreadable": len(session.forecasts.unreadable()),
    }


def _by_ticker(session: Session) -> dict[str, Forecast]:
    return {row.ticker: row for row in session.optimizer.table()}


def _shown(row: Forecast) -> Forecast:
    """A row without the statistics that only pooling reads: they are most of its size."""
    return msgspec.structs.replace(row, pool=None)


def _timestamp(health: dict[str, Any]) -> float:
    newest = health["newest_as_of"]
    if newest is None:
        return 0.0
    return dt.datetime.combine(dt.date.fromisoformat(newest), dt.time(), dt.UTC).timestamp()


def _no_forecast(ticker: str) -> str:
    return f"{ticker}: no forecast in the table; none of its bars has been streamed yet"
