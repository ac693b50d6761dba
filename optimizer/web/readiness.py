"""Whether the service can do its work: there are rows to serve, and their bars are as new as the exchanges' calendars allow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from errors import SchemaError, StateError
from marketdata.calendars import calendar_name, expect_calendars, unread_calendars
from monitoring.exposition import Specification, mapping, plain
from monitoring.punctuality import Punctuality, is_ending, newest_bars, overdue, punctuality, weekdays_between
from monitoring.punctuality import Session as Closing
from optimizer.lookup import Freshness
from optimizer.session import Session
from optimizer.web.exchange_closes import REACH, ExchangeCloses


class Health(NamedTuple):
    """The content of `/readyz`, how late the bars of each exchange are, and its last known session (None: not read yet)."""

    page: dict[str, Any]
    bars: tuple[Punctuality, ...]
    known_until: Mapping[str, dt.date | None] = {}

    @property
    def is_ready(self) -> bool:
        """Whether the service does its work."""
        return bool(self.page["status"] == "ready")


class Readiness:
    """`health` says how it stands now. Bars are judged as a worker does, by BARS_DUE_HOURS; 0 for replayed history."""

    def __init__(self, session: Session, now: Callable[[], dt.datetime], closes: ExchangeCloses | None = None) -> None:
        self._session = session
        self._now = now
        self._closes = closes or ExchangeCloses()

    def health(self) -> Health:
        """As it is now; while the calendars are being read, for seconds after the start, no bar is called late."""
        now = self._now()
        page = table_health(self._session, now.date())
        if page["status"] != "ready":
            return Health(page, ())
        page["age_sessions"] = self._age(dt.date.fromisoformat(page["newest_as_of"]), now.date(), page["age_sessions"])
        bars, known_until = self._punctuality(now)
        page["calendars_not_known"] = sorted(
            {name for name, until in known_until.items() if until is None} | set(unread_calendars())
        )
        page["calendars_end"] = {
            name: until.isoformat() for name, until in known_until.items() if until and is_ending(until, now.date())
        }
        late = [each for each in bars if each.late_sessions]
        if not late:
            return Health(page | {"late_sessions": {}}, bars, known_until)
        reason = (
            f"bars are older than the calendar allows ({'; '.join(map(overdue, late))}): run the daily job, see its exit code; "
            "for replayed history set BARS_DUE_HOURS=0"
        )
        return Health(
            page
            | {"status": "not ready", "reason": reason, "late_sessions": {each.calendar: each.late_sessions for each in late}},
            bars,
            known_until,
        )

    def _age(self, newest: dt.date, today: dt.date, weekdays: int) -> int:
        """Sessions from the newest bar to today, of the exchange of its tickers that has had the fewest.

        `weekdays` of a symbol that names no exchange, while calendars are being read, and where they do not reach.
        """
        if not weekdays or today - newest > REACH:
            return weekdays
        of_newest = {calendar_name(row.ticker) for row in self._session.optimizer.rows.table() if row.as_of == newest}
        known = self._closes.known([name for name in of_newest if name is not None], today)
        return min(_sessions_between(newest, today, known.get(name or "", ())) for name in of_newest)

    def _punctuality(self, now: dt.datetime) -> tuple[tuple[Punctuality, ...], dict[str, dt.date | None]]:
        grace = dt.timedelta(hours=self._session.settings.bars_due_hours)
        if not grace:
            return (), {}
        newest = newest_bars((calendar_name(row.ticker), row.as_of) for row in self._session.optimizer.rows.table())
        sessions = self._closes.known(newest, now.date())
        bars = tuple(punctuality(name, newest[name], found, now, grace) for name, found in sorted(sessions.items()))
        return bars, {name: sessions[name][-1].date if sessions.get(name) else None for name in sorted(newest)}


def _sessions_between(earlier: dt.date, later: dt.date, known: Sequence[Closing]) -> int:
    """The known sessions after `earlier` up to and including `later`, and the weekdays after the last known session."""
    end = min(known[-1].date, later) if known else earlier
    return sum(earlier < each.date <= later for each in known) + weekdays_between(max(earlier, end), later)


def table_health(session: Session, today: dt.date) -> dict[str, Any]:
    """Whether forecasts can be served: `tickers` in the table, the newest bar and its age, and the share that is fresh.

    `fresh_share` is measured against the newest bar. `age_sessions` are the weekdays from that bar to today;
    `Readiness.health` has the sessions.
    """
    unknown = {"status": "not ready", "tickers": 0, "newest_as_of": None, "age_sessions": None, "fresh_share": 0.0}
    try:
        rows = session.optimizer.rows.table()
    except (StateError, SchemaError):
        return unknown | {"reason": "the forecast table cannot be read"}
    if not rows:
        return unknown | {"reason": "the forecast table is empty"}
    expect_calendars({calendar_name(row.ticker) for row in rows})
    newest = max(row.as_of for row in rows)
    freshness = Freshness(newest, newest, session.settings.fresh_sessions)
    fresh = sum(freshness.refusal(row) is None for row in rows)
    return {
        "status": "ready",
        "tickers": len(rows),
        "newest_as_of": newest.isoformat(),
        "age_sessions": weekdays_between(newest, max(newest, today)),
        "fresh_share": fresh / len(rows),
        "unreadable": len(session.forecasts.unreadable()),
    }


def _midnight(newest: str | None) -> float | None:
    return None if newest is None else _midnight_of(dt.date.fromisoformat(newest))


def _midnight_of(date: dt.date) -> float:
    return dt.datetime.combine(date, dt.time(), dt.UTC).timestamp()


def _late(health: Health) -> Mapping[str, float]:
    return {each.calendar: float(each.late_sessions) for each in health.bars}


SERVICE_METRICS: Final[tuple[Specification[Health], ...]] = (
    Specification("service_ready", "1 if the service can do its work (/readyz)", (), plain(lambda h: float(h.is_ready))),
    Specification("served_rows", "Rows in the forecast table", (), plain(lambda h: h.page["tickers"])),
    Specification("served_rows_fresh_ratio", "Share of the rows that serve", (), plain(lambda h: h.page["fresh_share"])),
    Specification(
        "served_newest_bar_timestamp_seconds",
        "Midnight UTC of the newest bar's date",
        (),
        plain(lambda h: _midnight(h.page["newest_as_of"])),
    ),
    Specification(
        "served_calendar_known_until_timestamp_seconds",
        "Midnight UTC of the last session that the calendar knows, at most 30 days ahead; 0 while it cannot be read",
        ("calendar",),
        mapping(lambda h: {name: 0.0 if until is None else _midnight_of(until) for name, until in h.known_until.items()}),
    ),
    Specification(
        "served_late_sessions",
        "Sessions of the last 400 days after the newest bar whose bars are overdue",
        ("calendar",),
        mapping(_late),
    ),
)
