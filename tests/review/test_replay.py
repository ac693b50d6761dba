"""Replayed forecasts are what a program that had only the bars up to their date would have made, to the byte."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from history.forecasting import refresh, training_job, wanted_training
from models.training import train_ticker
from records import Forecast, encode_forecast
from review.replay import pooled_as_known, replay_stops, replayed_rows
from settings import Settings
from tests.made.bars import scaled, walk
from tests.made.histories import backfill
from tests.streams.scenarios import CHEAP

BARS = walk(560, 3)


def row_of(count: int, settings: Settings = CHEAP, bars=BARS) -> Forecast:
    """As an engine makes it of a history that ends there."""
    state = backfill(bars[:count], settings)
    row, trained = refresh(state, None, settings), None
    while (due := wanted_training(state, trained, row, settings)) is not None:
        trained = train_ticker(training_job(state, due, settings))
        row = refresh(state, trained, settings)
    return row


@pytest.mark.parametrize("count", [400, 449, 448, 539])
def test_a_replayed_row_is_the_row_of_then(count):
    (row,) = replayed_rows(backfill(BARS, CHEAP), [count], CHEAP)
    assert encode_forecast(row) == encode_forecast(row_of(count))
    assert row.fallback is None


def test_later_bars_change_nothing():
    spoiled = scaled(BARS, slice(460, 560), 3.0)
    first, second = (replayed_rows(backfill(bars, CHEAP), [450], CHEAP)[0] for bars in (BARS, spoiled))
    assert encode_forecast(first) == encode_forecast(second)


def test_the_dates_are_a_horizon_apart_and_leave_a_horizon_to_judge_by():
    stops = replay_stops(backfill(BARS, CHEAP), 12, CHEAP)
    assert stops[-1] == 560 - CHEAP.horizon
    assert {later - earlier for earlier, later in pairwise(stops)} == {CHEAP.horizon}
    assert stops[0] >= CHEAP.minimum_bars


def test_dates_whose_bars_are_no_longer_kept_are_left_out():
    trimmed = backfill(walk(1500, 3), CHEAP)
    assert trimmed.first_index > 0
    stops = replay_stops(trimmed, 100, CHEAP)
    rows = replayed_rows(trimmed, stops[:1], CHEAP)
    whole = row_of(trimmed.first_index + stops[0], CHEAP, walk(1500, 3))
    assert encode_forecast(rows[0]) == encode_forecast(whole)


def test_rows_are_pooled_with_what_was_known_by_then():
    rows = [msgspec.structs.replace(row_of(count), ticker=ticker) for count in (400, 421) for ticker in ("A", "B")]
    together = {(row.ticker, row.as_of): row for row in pooled_as_known(rows)}
    alone = {(row.ticker, row.as_of): row for row in pooled_as_known(rows[:2])}
    assert len(together) == 4
    for key, row in alone.items():
        assert encode_forecast(together[key]) == encode_forecast(row)


def test_a_week_before_the_first_training_is_replayed_without_one():
    (row,) = replayed_rows(backfill(BARS, CHEAP), [CHEAP.minimum_bars], CHEAP)
    assert row.fallback is not None
    assert encode_forecast(row) == encode_forecast(row_of(CHEAP.minimum_bars))
