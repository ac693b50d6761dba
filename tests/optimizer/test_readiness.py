"""The service's readiness against the exchange's calendar: red with the reason when bars are overdue, never on days off."""

from __future__ import annotations

import dataclasses
import datetime as dt
import subprocess
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from marketdata import calendars
from marketdata.calendars import session_closes
from marketdata.session_days import SessionDays
from monitoring.exposition import metrics_text, registry_of
from monitoring.punctuality import Session as ExchangeSession
from optimizer.provider import OUTCOMES
from optimizer.request import parse_request
from optimizer.session import Session
from optimizer.web import close_app, create_app
from optimizer.web.exchange_closes import ExchangeCloses, read_closes
from optimizer.web.readiness import SERVICE_METRICS, Readiness
from settings import Settings
from tests.made.clocks import Clock
from tests.made.market import made_bars, made_rows, write_state
from tests.optimizer.test_provider import frame_of
from tests.waiting import until

BARS = made_bars()
LAST = BARS["AAA"].last_date


def closes(names: Collection[str], first: dt.date, last: dt.date) -> Mapping[str, Sequence[ExchangeSession]]:
    return {name: [ExchangeSession(*each) for each in session_closes(name, first, last)] for name in names}


@pytest.fixture
def session(tmp_path):
    write_state(tmp_path / "state", BARS, made_rows(BARS).values())
    settings = Settings(_env_file=None, state_dir=tmp_path / "state", price_provider="none", port=0, bars_due_hours=12)
    with Session.open(settings) as opened:
        yield opened


def readiness(session: Session, now: dt.datetime) -> Readiness:
    calendars = ExchangeCloses(closes)
    found = Readiness(session, lambda: now, calendars)
    found.health()
    until(lambda: calendars.known({"XNYS"}, now.date()))
    return found


def at(day: dt.date, hour: int) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour), dt.UTC)


def test_overdue_bars_make_the_service_red_with_the_reason(session):
    found = readiness(session, at(LAST + dt.timedelta(days=9), 12)).health()
    assert not found.is_ready
    assert found.page["late_sessions"] == {"XNYS": 6}
    assert "BARS_DUE_HOURS" in found.page["reason"]
    assert str(LAST) in found.page["reason"]
    metrics = metrics_text(registry_of(SERVICE_METRICS, lambda: found, process=False)).decode()
    values = {s.name: s.value for family in text_string_to_metric_families(metrics) for s in family.samples}
    assert values["tidecast_service_ready"] == 0.0
    assert values["tidecast_served_late_sessions"] == 6.0


def test_every_hour_of_a_weekend_and_a_holiday_is_green(session):
    """The made bars end on Tuesday; then the clock goes on hour by hour until the next session's bar is due."""
    sessions = session_closes("XNYS", LAST, LAST + dt.timedelta(days=20))
    due = sessions[1][1] + dt.timedelta(hours=12)
    moment = at(LAST, 22)
    calendars = ExchangeCloses(closes)
    clock = [moment]
    judged = Readiness(session, lambda: clock[0], calendars)
    judged.health()
    until(lambda: calendars.known({"XNYS"}, moment.date()))
    while clock[0] <= due:
        assert judged.health().is_ready, clock[0]
        clock[0] += dt.timedelta(hours=1)
    assert not judged.health().is_ready


def test_replayed_history_is_never_late(session):
    settings = session.settings.model_copy(update={"bars_due_hours": 0.0})
    with Session.open(settings) as opened:
        assert Readiness(opened, lambda: at(LAST + dt.timedelta(days=3000), 12)).health().is_ready


def test_the_sessions_are_read_by_a_process_of_their_own():
    found = read_closes({"XNYS"}, dt.date(2024, 12, 24), dt.date(2024, 12, 26))
    assert [each.date.day for each in found["XNYS"]] == [24, 26]
    assert found["XNYS"][0].close.hour == 18  # an early close


def test_calendars_that_cannot_be_read_call_nothing_late(session, caplog):
    clock = Clock()

    def fail_at_first(*asked: Any) -> Mapping[str, Sequence[ExchangeSession]]:
        if clock.now == 0.0:
            raise subprocess.CalledProcessError(1, "closes")
        return closes(*asked)

    judged = Readiness(session, lambda: at(LAST + dt.timedelta(days=9), 12), ExchangeCloses(fail_at_first, clock=clock))
    assert judged.health().is_ready
    until(lambda: "late bars go unnoticed" in caplog.text)
    assert judged.health().is_ready
    clock.now += 301.0  # they are read again, and not on the next day
    until(lambda: not judged.health().is_ready)


def test_questions_to_the_provider_are_counted_by_outcome(session):
    def download(tickers, *_: object):
        return frame_of([ticker for ticker in tickers if ticker != "GONE"])

    with Session.open(session.settings, download=download) as opened:
        app = create_app(opened.settings, session=opened)
        assert opened.provider is not None
        opened.provider.closes(["NEW"], BARS["AAA"].first_date, LAST)
        opened.provider.closes(["NEW"], BARS["AAA"].first_date, LAST)  # from the cache
        opened.provider.closes(["GONE"], BARS["AAA"].first_date, LAST)
        text = app.test_client().get("/metrics").get_data(as_text=True)
        close_app(app)
    for outcome, count in zip(OUTCOMES, (1, 0, 1), strict=True):
        line = f'tidecast_provider_calls_total{{outcome="{outcome}"}}'
        assert f"{line} {count}.0" in text or (count == 0 and line not in text)
    assert "tidecast_provider_call_seconds_count 2.0" in text


def test_the_age_of_the_newest_bar_counts_sessions_and_no_holidays(tmp_path):
    """The last session before Lunar New Year, and the Monday a week and a half later: Shanghai had no session in between."""
    last, back = dt.date(2024, 2, 8), dt.date(2024, 2, 19)
    day = np.busday_offset(last, np.arange(-299, 1)).astype(np.int32)
    bars = {f"{ticker}.SS": dataclasses.replace(each, day=day) for ticker, each in BARS.items()}
    write_state(tmp_path / "state", bars, made_rows(bars).values())
    settings = Settings(_env_file=None, state_dir=tmp_path / "state", price_provider="none", port=0, bars_due_hours=0)
    with Session.open(settings) as opened:
        calendars = ExchangeCloses(closes)
        judged = Readiness(opened, lambda: at(back, 12), calendars)
        assert judged.health().page["age_sessions"] == 7, "weekdays, until the calendar is read"
        until(lambda: calendars.known({"XSHG"}, back))
        assert judged.health().page["age_sessions"] == 1


def test_the_page_names_calendars_that_are_not_read_yet_and_those_that_end(tmp_path):
    """Shanghai's, of a library that knows 2024 alone; at its end and three weeks later, at the turn of the year."""
    last = dt.date(2024, 12, 31)
    bars = {f"{ticker}.SS": dataclasses.replace(each, day=each.day + (last - LAST).days) for ticker, each in BARS.items()}
    write_state(tmp_path / "state", bars, made_rows(bars).values())
    settings = Settings(_env_file=None, state_dir=tmp_path / "state", price_provider="none", port=0, bars_due_hours=12)
    goes_on = threading.Event()

    def of_2024(names: Collection[str], first: dt.date, until: dt.date) -> Mapping[str, Sequence[ExchangeSession]]:
        goes_on.wait()
        return closes(names, first, min(until, last))

    clock = [at(last, 12)]
    with Session.open(settings) as opened:
        judged = Readiness(opened, lambda: clock[0], ExchangeCloses(of_2024))
        page = judged.health().page
        goes_on.set()
        assert (page["status"], page["calendars_not_known"], page["calendars_end"]) == ("ready", ["XSHG"], {})
        until(lambda: not judged.health().page["calendars_not_known"])
        assert judged.health().page["calendars_end"] == {"XSHG": "2024-12-31"}
        metrics = metrics_text(registry_of(SERVICE_METRICS, judged.health, process=False)).decode()
        assert f'known_until_timestamp_seconds{{calendar="XSHG"}} {at(last, 0).timestamp():.5g}'[:40] in metrics
        clock[0] = at(last + dt.timedelta(days=21), 12)
        judged.health()
        until(lambda: not judged.health().is_ready)
        page = judged.health().page
        assert page["late_sessions"] == {"XSHG": 13}  # of weekdays that are over everywhere
        assert page["age_sessions"] == 15


def test_a_portfolio_made_before_a_calendar_is_read_says_so_and_is_not_kept(tmp_path, monkeypatch):
    """BBB's last bar is that before Lunar New Year, one session and seven weekdays ago: refused until the calendar is read."""
    last, before = dt.date(2024, 2, 19), dt.date(2024, 2, 8)
    bars = {
        f"{ticker}.SS": dataclasses.replace(
            each, day=np.busday_offset(before if ticker == "BBB" else last, np.arange(-299, 1)).astype(np.int32)
        )
        for ticker, each in BARS.items()
    }
    write_state(tmp_path / "state", bars, made_rows(bars).values())
    settings = Settings(_env_file=None, state_dir=tmp_path / "state", price_provider="none", port=0, bars_due_hours=0)
    goes_on = threading.Event()

    def read(names: Sequence[str]) -> dict[str, Any]:
        goes_on.wait()
        return {name: calendars.library_days(name) for name in names}

    days = SessionDays(calendars.library_days, read, patience_seconds=0.1)
    monkeypatch.setattr(calendars, "_session_days", days)
    body = {"start_date": "2023-06-01", "end_date": str(last), "risk_free_rate": 0.0, "tickers": list(bars)}
    with days.apart(), Session.open(settings) as opened:
        try:
            early = opened.optimizer.optimize(parse_request(body), lambda *_: None)
        finally:
            goes_on.set()
        assert early["estimates"] == {"forecast": 5, "fallback": 1}
        assert any("calendars are not read yet (XSHG)" in warning for warning in early["warnings"])
        until(lambda: not calendars.unread_calendars())
        found = opened.optimizer.optimize(parse_request(body), lambda *_: None)
        assert found["estimates"] == {"forecast": 6, "fallback": 0}
        assert not any("not read yet" in warning for warning in found["warnings"])
