"""Suspect bars that come straight to the stream are told as their source would have told them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import Bars, Rule, Suspicion, date_of, suspicions
from tests.streams.made import SMALL, batch, deliver, scaled, walk


def told(messages: list[object]) -> list[Suspicion]:
    return [output for output in deliver(messages, SMALL)[1] if isinstance(output, Suspicion)]  # type: ignore[arg-type]


def broken(rows: list[int], factors: list[float]) -> Bars:
    bars = walk(300)
    for row, factor in zip(rows, factors, strict=True):
        bars = scaled(bars, slice(row, row + 1), factor)
    return bars


odd_rows = st.lists(st.integers(100, 298), min_size=1, max_size=3, unique=True)


@given(odd_rows, st.sampled_from([100.0, 1.4, 0.5]))
def test_a_backfill_tells_what_its_source_would_have_told(rows: list[int], factor: float) -> None:
    bars = broken(rows, [factor] * len(rows))
    assert told([batch(bars)]) == suspicions("ABC", bars)


@given(odd_rows, st.sampled_from([100.0, 1.4, 0.5]))
def test_live_bars_tell_in_the_end_what_a_backfill_tells(rows: list[int], factor: float) -> None:
    bars = broken(rows, [factor] * len(rows))
    live = told([batch(bars[:90]), *(batch(bars[i : i + 1]) for i in range(90, 300))])
    assert set(live) >= set(suspicions("ABC", bars))  # what was doubted before the next bar came is told as well


def test_what_comes_again_is_not_told_again() -> None:
    bars = broken([200], [100.0])
    assert [one.rule for one in told([batch(bars), batch(bars), batch(bars[195:205])])] == [Rule.HUNDREDFOLD]


def test_a_spike_is_told_with_the_bar_after_it() -> None:
    bars = replace(broken([200], [1.3]), volume=np.full(300, 1000.0))
    before = batch(bars[:201])
    assert [one.rule for one in told([before])] == [Rule.UNCONFIRMED_JUMP]
    assert [(one.date, one.rule) for one in told([before, batch(bars[201:202])])][1:] == [(date_of(bars.day[200]), Rule.SPIKE)]


@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, 2), slice(299, 300)])
def test_ordinary_bars_tell_nothing(rows: slice) -> None:
    assert told([batch(walk(300)), batch(walk(300)[rows])]) == []
