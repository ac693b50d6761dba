"""Scenarios that every engine passes: the same rows to the byte, for any delivery, any number of workers and any faults."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from records import BarBatch, RejectedBar, decode_forecast
from settings import CalendarPeriod
from tests.made.bars import FETCHED
from tests.streams.scenarios import (
    CHEAP,
    CURSED,
    Engine,
    batches,
    export,
    in_turns,
    market,
    until,
    with_volume,
)


def test_every_ticker_has_a_row_at_its_last_bar(whole: Path) -> None:
    bars = market()
    rows = {ticker: decode_forecast(row) for ticker, row in export(whole).rows.items()}
    assert set(rows) == set(bars)
    for ticker, row in rows.items():
        assert row.as_of == bars[ticker].last_date
        assert row.last_close == bars[ticker].close[-1]
    for ticker in ("AAA", "BBB", "CCC"):
        assert rows[ticker].fallback is None
        assert rows[ticker].training_cutoff is not None
        assert rows[ticker].training_cutoff < rows[ticker].as_of
    assert rows["YOUNG"].fallback == "historical"
    assert rows["YOUNG"].fallbacks[0].reason == "150 bars, 378 needed to train"
    assert rows["STILL"].annual_return is None
    assert rows["STILL"].fallbacks


def test_any_batching_gives_the_same_rows(engine: Engine, whole: Path, tmp_path: Path) -> None:
    engine.run(batches(market(), 97), tmp_path)
    assert export(tmp_path) == export(whole)


def test_tickers_in_turns_give_the_same_rows(engine: Engine, whole: Path, tmp_path: Path) -> None:
    engine.run(in_turns(batches(market(), 60)), tmp_path)
    assert export(tmp_path) == export(whole)


def test_repeats_give_the_same_rows(engine: Engine, whole: Path, tmp_path: Path) -> None:
    items = batches(market())
    engine.run([*items, *items[::-1]], tmp_path)
    assert export(tmp_path) == export(whole)


def test_one_run_after_the_other_gives_the_same_rows(engine: Engine, whole: Path, tmp_path: Path) -> None:
    for fraction in (0.5, 0.9, 0.99, 1.0):
        engine.run(batches(until(market(), fraction)), tmp_path)
    assert export(tmp_path) == export(whole)


def test_a_correction_gives_the_rows_of_the_corrected_history(engine: Engine, whole: Path, tmp_path: Path) -> None:
    bars = market()
    wrong = {**bars, "AAA": with_volume(bars["AAA"], -20, 3.0), "BBB": with_volume(bars["BBB"], -1, 0.1)}
    engine.run(batches(wrong, as_of=FETCHED - dt.timedelta(days=1)), tmp_path)
    assert export(tmp_path) != export(whole)
    engine.run(batches(bars), tmp_path)
    assert export(tmp_path) == export(whole)


def test_a_failing_ticker_stops_no_other(engine: Engine, whole: Path, tmp_path: Path) -> None:
    bars = market()
    engine.run(batches({**bars, CURSED: bars["AAA"]}), tmp_path)
    found, wanted = export(tmp_path).rows, export(whole).rows
    row = decode_forecast(found.pop(CURSED))
    assert found == wanted
    assert row.fallback == "historical"
    assert "RuntimeError: a defect of its own" in row.fallbacks[0].reason


def test_bad_bars_stop_no_good_one(engine: Engine, whole: Path, tmp_path: Path) -> None:
    items: list[BarBatch | RejectedBar] = list(batches(market()))
    bad = batches({"AAA": market()["AAA"][:3], "NEVER": market()["AAA"][:3]})
    for item in bad:
        item.close[:] = [None, float("inf"), -1.0]
    engine.run([RejectedBar("AAA", "2012-02-30", "not a date"), *bad, *items], tmp_path)
    assert export(tmp_path) == export(whole)


def test_another_window_period_is_another_training(engine: Engine, whole: Path, tmp_path: Path) -> None:
    monthly = CHEAP.model_copy(update={"window": CalendarPeriod.MONTH})
    engine.run(batches(market()), tmp_path)
    engine.run([], tmp_path, monthly)
    fresh = tmp_path / "fresh"
    engine.run(batches(market()), fresh, monthly)
    assert export(tmp_path) == export(fresh)
    row = decode_forecast(export(fresh).rows["AAA"])
    assert row.training_cutoff is not None
    assert row.training_cutoff.month != row.as_of.month
    assert export(tmp_path).rows != export(whole).rows
