"""Rows are counted as soon as partitions are assigned; the newest bars of what is written later are known at once."""

from __future__ import annotations

import asyncio
import datetime as dt
import time

import numpy as np

from records import date_of, day_number, encode_forecast
from streams.kafka.agents.census import Census
from streams.kafka.agents.sweep import Sweep
from tests.kafka.consuming.queued import Simple, active
from tests.made.rows import forecast
from tests.streams.scenarios import CHEAP

OLD, NEW = dt.date(2024, 1, 2), dt.date(2024, 1, 3)


def test_the_first_bars_of_a_new_exchange_are_known_without_a_sweep() -> None:
    census = Census()
    for ticker in ("AAPL", "IBM", "MSFT", "KO"):
        census.count(forecast(ticker, as_of=OLD))
    for ticker in ("VOD.L", "HSBA.L", "VOD.L"):
        census.note(forecast(ticker, as_of=OLD))
    assert census.calendars() == {"XNYS": (4, OLD)}, "two tickers say nothing beside others"
    for ticker in ("BP.L", "TSCO.L", "AAPL"):
        census.note(forecast(ticker, as_of=NEW))
    assert census.calendars() == {"XNYS": (4, NEW), "XLON": (3, NEW)}
    assert census.rows == 4


def swept(sweep: Sweep, seconds: float) -> None:
    async def for_a_while() -> None:
        task = asyncio.create_task(sweep.run())
        deadline = time.monotonic() + seconds
        while not sweep.census.rows and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(for_a_while())


def test_rows_are_counted_as_soon_as_partitions_are_assigned() -> None:
    """Not a whole SWEEP_SECONDS later, after each restart."""
    asked: list[str] = []
    head = Simple(due=Simple(digest=b"d"))
    tables = Simple(
        tickers=lambda: ["AAPL"],
        forecast_payload=lambda ticker: encode_forecast(forecast(ticker, as_of=OLD)),
        peek_head=lambda ticker: head,
        state=lambda ticker: None,
    )
    requests = Simple(is_done=lambda ticker, due: False, request_again=lambda ticker, due: asked.append(ticker))
    membership = active()
    sweep = Sweep(membership, CHEAP.model_copy(update={"sweep_seconds": 3600.0}), tables, requests, Simple())
    swept(sweep, 30.0)
    assert (sweep.census.rows, sweep.census.trainings_missing) == (1, 1)
    membership.begin_epoch()
    membership.activate(membership.epoch, membership.assigned)
    sweep.census = Census()
    swept(sweep, 30.0)
    assert sweep.census.rows == 1
    assert asked == [], "requests are repeated by regular sweeps only"
    for _ in range(2):
        asyncio.run(sweep.sweep(is_regular=True))
    assert asked == ["AAPL"]


def test_rows_that_are_written_during_a_sweep_are_not_lost() -> None:
    membership = active()

    def tickers() -> list[str]:
        sweep.note(forecast("AAPL", as_of=NEW))
        return []

    sweep = Sweep(membership, CHEAP, Simple(tickers=tickers), Simple(), Simple())
    asyncio.run(sweep.sweep(is_regular=True))
    assert sweep.census.calendars() == {"XNYS": (1, NEW)}


def test_tickers_that_ended_long_ago_are_counted_apart() -> None:
    """They had kept the alert on stale forecasts firing for ever: a row never leaves the table."""
    day = np.arange(day_number(NEW) - 300, day_number(NEW) + 1, dtype=np.int32)
    sessions = day[(day + 3) % 7 < 5]
    rows = {
        ticker: forecast(ticker, as_of=date_of(sessions[-1 - behind]))
        for ticker, behind in {"AAPL": 0, "QUIET": 20, "GONE": 100, "OLD": 200}.items()
    }
    tables = Simple(
        tickers=lambda: list(rows),
        forecast_payload=lambda ticker: encode_forecast(rows[ticker]),
        peek_head=lambda ticker: Simple(due=None),
        state=lambda ticker: Simple(bars=Simple(day=sessions)),
    )
    sweep = Sweep(active(), CHEAP.model_copy(update={"sweep_seconds": 3600.0}), tables, Simple(), Simple())
    swept(sweep, 30.0)
    found = sweep.census.figures()
    assert (found.rows, found.fresh, found.stale, found.ended) == (4, 1, 1, 2)
    assert sorted(sweep.quiet) == ["GONE", "OLD", "QUIET"]
