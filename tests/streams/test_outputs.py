"""The effects of batches, as both engines take them: every bar of a message is counted once, in any order of delivery."""

from __future__ import annotations

import itertools
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.catch_up import absorb_all
from history.pipeline import Absorbed, absorb
from records import RejectedBar, Suspicion, SuspicionRule
from streams.outputs import Effects, effects_of, log_effects
from tests.made.bars import TODAY, batch, walk
from tests.made.histories import SMALL

BARS = walk(60, 3)


@settings(max_examples=60, deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(0, 59), st.integers(1, 20), st.sampled_from(["good", "bad", "changed"])), max_size=12)
)
def test_every_bar_of_every_message_is_counted_once(spans: list[tuple[int, int, str]]) -> None:
    state = None
    for begin, length, kind in spans:
        item = batch(BARS[begin : begin + length])
        if kind == "bad":
            item.close[0] = None
        if kind == "changed":
            item.volume[-1] = item.volume[-1] + 1.0
        state, outputs = absorb(state, item, today=TODAY, settings=SMALL)
        effects = effects_of(outputs)
        assert effects.valid + len(effects.rejected) == len(item.date)
        if state is not None and effects.new + effects.corrected:
            assert effects.changed_from is not None


@settings(max_examples=30, deadline=None)
@given(cuts=st.sets(st.integers(1, 59), max_size=8), together=st.booleans())
def test_batches_taken_together_count_as_much_as_one_by_one(cuts: set[int], together: bool) -> None:
    edges = [0, *sorted(cuts), 60]
    items = [batch(BARS[a:b]) for a, b in itertools.pairwise(edges)]
    if together:
        _, found = absorb_all(None, items, today=TODAY, settings=SMALL)
    else:
        state, found = None, []
        for item in items:
            state, outputs = absorb(state, item, today=TODAY, settings=SMALL)
            found.append(outputs)
    effects = [effects_of(outputs) for outputs in found]
    assert sum(each.new for each in effects) == 60
    assert sum(each.valid for each in effects) == 60
    assert min(each.changed_from for each in effects if each.changed_from is not None) == 0


def test_each_output_has_its_place() -> None:
    refused = RejectedBar("ABC", "2012-01-02", "close missing")
    doubt = Suspicion("ABC", BARS.last_date, SuspicionRule.MISSING_SPLIT, "halved")
    report = Absorbed("ABC", accepted=1, duplicate=2, corrected=3, expired=4, changed_from=5, restated_by=0.5)
    effects = effects_of([refused, report, doubt])
    assert effects == Effects(1, 2, 3, 4, 5, 0.5, (refused,), (doubt,))
    assert effects.valid == 10
    assert effects_of([]) == Effects()


def test_what_people_should_look_at_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    doubt = Suspicion("ABC", BARS.last_date, SuspicionRule.MISSING_SPLIT, "halved")
    with caplog.at_level(logging.INFO):
        log_effects("ABC", Effects(new=3))
        assert not caplog.records
        log_effects("ABC", Effects(restated_by=0.5, suspicions=(doubt,)))
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "suspect bar kept ticker=ABC" in caplog.text
    assert "restated by its vendor ticker=ABC factor=0.5" in caplog.text
