"""A partition's progress: no alarm while it moves, an alarm if it does not, with any messages that come in meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.judgement import STANDSTILL_SECONDS
from monitoring.progress import LONGEST_GAP_SECONDS, Progress, Sample, advanced

STEP = 5.0


def watched(samples: list[Sample]) -> list[Progress]:
    states: list[Progress] = []
    for sample in samples:
        states.append(advanced(states[-1] if states else None, sample))
    return states


def alarms(samples: list[Sample]) -> list[bool]:
    return [state.stood_for(state.sample.at) >= STANDSTILL_SECONDS for state in watched(samples)]


@settings(max_examples=200, deadline=None)
@given(
    arriving=st.lists(st.integers(0, 1000), min_size=1, max_size=120),
    pauses=st.lists(st.integers(1, 5), min_size=1, max_size=120),
)
def test_whoever_deals_with_one_message_within_the_span_is_not_stuck(arriving: list[int], pauses: list[int]) -> None:
    """Whatever the lag: it may grow for ever, and still work is done."""
    done = end = 0
    ready_in = pauses[0]
    samples = []
    for place, count in enumerate(arriving):
        end += count
        ready_in -= 1
        if ready_in <= 0 and done < end:
            done += 1
            ready_in = pauses[place % len(pauses)]
        samples.append(Sample(place * STEP, done, end))
    assert not any(alarms(samples))


@settings(max_examples=200, deadline=None)
@given(before=st.lists(st.integers(0, 50), max_size=30), after=st.lists(st.integers(0, 50), min_size=7, max_size=30))
def test_whoever_stops_while_messages_wait_is_stuck_within_the_span(before: list[int], after: list[int]) -> None:
    end = 0
    samples = []
    for count in before:
        end += count
        samples.append(Sample(len(samples) * STEP, end, end))
    done, end = end, end + 1
    first = len(samples)
    for count in after:
        samples.append(Sample(len(samples) * STEP, done, end))
        end += count
    found = alarms(samples)
    assert not any(found[: first + int(STANDSTILL_SECONDS / STEP)])
    assert all(found[first + int(STANDSTILL_SECONDS / STEP) :])


def test_nothing_to_do_is_no_standstill() -> None:
    assert not any(alarms([Sample(place * STEP, 7, 7) for place in range(10_000)]))


@pytest.mark.parametrize("gap", [LONGEST_GAP_SECONDS + 1.0, 86_400.0])
def test_a_time_that_nobody_watched_counts_for_nothing(gap: float) -> None:
    """A process that was frozen sees its old offset first, and has to be given its span to go on."""
    samples = [Sample(0.0, 3, 9), Sample(gap, 3, 9), Sample(gap + STEP, 4, 9)]
    assert not any(alarms(samples))


def test_a_clock_that_goes_back_begins_anew() -> None:
    assert watched([Sample(100.0, 3, 9), Sample(50.0, 3, 9)])[-1].stood_for(50.0) == 0.0


def test_a_partition_that_is_read_again_from_the_beginning_moves() -> None:
    samples = [Sample(place * STEP, 500 if place < 3 else place, 500) for place in range(60)]
    assert not any(alarms(samples))


@settings(max_examples=100, deadline=None)
@given(counts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=600))
def test_the_age_of_the_oldest_waiting_message(counts: list[tuple[int, int]]) -> None:
    """Compared with a list of all messages; merged marks may make it older, by no more than a few samples."""
    arrived: list[float] = []
    done = 0
    state: Progress | None = None
    for place, (coming, dealt) in enumerate(counts):
        now = place * STEP
        arrived += [now] * coming
        done = min(len(arrived), done + dealt)
        state = advanced(state, Sample(now, done, len(arrived)))
        expected = now - arrived[done] if done < len(arrived) else 0.0
        assert expected <= state.lag_seconds <= (0.0 if done == len(arrived) else expected + 8 * STEP)
        assert state.lag == len(arrived) - done
