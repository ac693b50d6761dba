"""The forecast table over HTTP, and how healthy it is."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import threading
import time
from dataclasses import dataclass
from typing import Any, Final, Self

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

#: While all rows change all the time, at most a tenth of a core goes into new editions: one takes 60 ms for 500 rows.
_PAUSES: Final = 9.0
#: An edition outdated for this long is worth waiting for the next one.
_PATIENCE_SECONDS: Final = 5.0
#: zlib's fastest level: 29 % of the size in 8 ms for 500 rows; its usual one 24 % in 30 ms.
_FAST: Final = 1


def register_table(app: Flask, session: Session, metrics: Metrics) -> None:
    """GET /api/forecasts, /healthz, /readyz and /metrics."""
    reader = session.forecasts
    whole = _WholeTable(session)

    @app.get("/api/forecasts")
    def forecasts() -> Response:
        text = request.args.get("tickers")
        if text is None:
            return whole.edition().response()
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


@dataclass(frozen=True, slots=True, eq=False)
class _Edition:
    """The whole table as JSON, plain and compressed, and the rows that it was made of."""

    rows: list[Forecast]
    unreadable: dict[str, str]
    plain: bytes
    gzipped: bytes
    tag: str

    @classmethod
    def of(cls, rows: list[Forecast], unreadable: dict[str, str]) -> Self:
        plain = msgspec.json.encode({"forecasts": [_shown(row) for row in rows], "missing": unreadable})
        return cls(rows, unreadable, plain, gzip.compress(plain, _FAST), hashlib.blake2b(plain, digest_size=12).hexdigest())

    def response(self) -> Response:
        """To the request at hand: compressed where that is welcome, without a body where the caller has it already."""
        compressed = request.accept_encodings.quality("gzip") > 0
        response = Response(self.gzipped if compressed else self.plain, mimetype="application/json")
        if compressed:
            response.content_encoding = "gzip"
        response.vary.add("Accept-Encoding")
        response.cache_control.no_cache = True
        response.set_etag(self.tag, weak=True)
        response.make_conditional(request)
        return response


class _WholeTable:
    """The whole table, encoded once for all who ask within the time in which the reader sees nothing new anyway."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._mutex = threading.Lock()
        self._edition: _Edition | None = None
        self._until = float("-inf")

    def edition(self) -> _Edition:
        """The table as it was a moment ago (`REFRESH_SECONDS`, longer while all of it changes). Raises what reading raises.

        While one caller looks for a newer one, the others get the last one at once, unless that is long outdated.
        """
        known = self._edition
        outdated = time.monotonic() - self._until
        if known is not None and outdated < 0:
            return known
        if self._mutex.acquire(blocking=known is None or outdated > _PATIENCE_SECONDS):
            try:
                known = self._newest()
            finally:
                self._mutex.release()
        assert known is not None, "without one, it was waited for"
        return known

    def _newest(self) -> _Edition:
        known = self._edition
        begun = time.monotonic()
        if known is not None and begun < self._until:
            return known
        rows, unreadable = self._session.optimizer.table(), self._session.forecasts.unreadable()
        if known is None or known.rows is not rows or known.unreadable != unreadable:
            known = self._edition = _Edition.of(rows, unreadable)
        ended = time.monotonic()
        self._until = ended + max(REFRESH_SECONDS, _PAUSES * (ended - begun))
        return known


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
