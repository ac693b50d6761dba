"""Messages that are lost between the fetch and the agent are fetched again; waiting messages are not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.kafka.consuming.deliveries import Deliveries, Fetched
from streams.kafka.consuming.membership import Membership
from tests.made.clocks import Clock

BARS, REQUESTS = TP("bars", 0), TP("requests", 0)
OTHER = TP("bars", 1)


def made() -> tuple[Deliveries, Clock]:
    clock = Clock(100.0)
    deliveries = Deliveries(Membership(10.0, clock=clock), shared={"bars"}, clock=clock)
    deliveries.restart({BARS: 0, OTHER: 0, REQUESTS: 0}, epoch=3)
    return deliveries, clock


def hand_over(deliveries: Deliveries, tp: TP, begin: int, end: int) -> list[Any]:
    records = [SimpleNamespace(offset=offset) for offset in range(begin, end)]
    wanted = deliveries.fetched({tp: Fetched(begin, records, end)})
    for record in wanted.get(tp, []):
        deliveries.handed(tp, record.offset)
    deliveries.handed_all()
    return [event(tp, record.offset) for record in wanted.get(tp, [])]


def event(tp: TP, offset: int, epoch: int = 3) -> Any:
    return SimpleNamespace(message=SimpleNamespace(tp=tp, offset=offset, generation_id=epoch))


def deal(deliveries: Deliveries, events: list[Any]) -> None:
    deliveries.begin(events)
    deliveries.end(events, done=events)


def test_what_was_dealt_with_is_committed() -> None:
    deliveries, _ = made()
    deal(deliveries, hand_over(deliveries, BARS, 0, 5))
    assert deliveries.committable() == {BARS: 5}
    deliveries.committed({BARS: 5}, epoch=3)
    assert deliveries.committable() == {}


def test_a_message_overtaken_in_its_queue_is_lost() -> None:
    """All bars share a queue, and a later message of another partition was begun."""
    deliveries, _ = made()
    hand_over(deliveries, BARS, 0, 2)
    later = hand_over(deliveries, OTHER, 0, 1)
    deal(deliveries, later)
    assert deliveries.missing() == {BARS: 0}
    deal(deliveries, hand_over(deliveries, BARS, 0, 2))
    assert deliveries.committable() == {BARS: 2, OTHER: 1}


def test_a_message_that_waits_behind_a_busy_agent_is_not_lost() -> None:
    deliveries, clock = made()
    first = hand_over(deliveries, BARS, 0, 1)
    deliveries.begin(first)
    waiting = hand_over(deliveries, OTHER, 0, 1)
    clock.now += 60
    assert deliveries.missing() == {}
    deliveries.end(first, done=first)
    deal(deliveries, waiting)
    assert deliveries.committable() == {BARS: 1, OTHER: 1}


def test_an_idle_agent_has_lost_what_it_does_not_begin() -> None:
    deliveries, clock = made()
    hand_over(deliveries, REQUESTS, 0, 1)
    assert deliveries.missing() == {}
    clock.now += 1
    assert deliveries.missing() == {REQUESTS: 0}
    assert deliveries.missing() == {}, "it has just been asked for"
    clock.now += 1
    assert deliveries.missing() == {REQUESTS: 0}


def test_queues_of_requests_are_apart() -> None:
    deliveries, _ = made()
    hand_over(deliveries, REQUESTS, 0, 1)
    deal(deliveries, hand_over(deliveries, BARS, 0, 1))
    assert deliveries.missing() == {}


def test_what_an_agent_puts_down_undone_comes_again() -> None:
    deliveries, _ = made()
    events = hand_over(deliveries, BARS, 0, 3)
    deliveries.begin(events)
    deliveries.end(events, done=events[:1])
    assert deliveries.committable() == {BARS: 1}
    assert deliveries.missing() == {BARS: 1}


def test_a_batch_that_never_arrived_is_asked_for_while_later_ones_flow() -> None:
    deliveries, _ = made()
    deal(deliveries, hand_over(deliveries, BARS, 137, 140))
    assert deliveries.committable() == {}
    assert deliveries.missing() == {BARS: 0}


def test_an_answer_that_never_came_is_asked_for_though_nothing_follows() -> None:
    deliveries, _ = made()
    deal(deliveries, hand_over(deliveries, BARS, 0, 2))
    ahead = {BARS: 5, OTHER: 0}
    assert deliveries.missing(ahead) == {}, "it may be under way from the thread"
    assert deliveries.missing(ahead) == {BARS: 2}
    deal(deliveries, hand_over(deliveries, BARS, 2, 5))
    assert deliveries.committable() == {BARS: 5}
    assert deliveries.missing(ahead) == {}


def test_while_messages_are_handed_over_nothing_is_missing() -> None:
    deliveries, _ = made()
    records = [SimpleNamespace(offset=0), SimpleNamespace(offset=1)]
    deliveries.fetched({BARS: Fetched(0, records, 2)})
    deliveries.handed(BARS, 0)
    assert deliveries.missing() == {}
    deliveries.handed_all()
    assert deliveries.missing() == {BARS: 1}


def test_messages_of_an_earlier_epoch_count_for_nothing() -> None:
    deliveries, _ = made()
    stale = hand_over(deliveries, BARS, 0, 2)
    deliveries.restart({BARS: 0}, epoch=4)
    deal(deliveries, stale)
    assert deliveries.committable() == {}
    assert deliveries.position(BARS) == 0


def test_partitions_that_are_not_read_are_left_alone() -> None:
    deliveries, _ = made()
    elsewhere = TP("bars", 7)
    assert deliveries.fetched({elsewhere: Fetched(0, [SimpleNamespace(offset=0)], 1)}) == {}
    assert deliveries.position(elsewhere) is None


def test_a_log_that_was_begun_anew_is_committed_from_its_beginning() -> None:
    deliveries, _ = made()
    deal(deliveries, hand_over(deliveries, BARS, 0, 5))
    deliveries.rewind(BARS, 0)
    assert deliveries.committable() == {BARS: 0}
    deal(deliveries, hand_over(deliveries, BARS, 0, 2))
    assert deliveries.committable() == {BARS: 2}


def test_a_member_without_an_answer_has_no_lease() -> None:
    clock = Clock(100.0)
    membership = Membership(10.0, clock=clock)
    membership.begin_epoch()
    membership.activate(membership.epoch, [BARS])
    assert membership.owns(BARS, membership.epoch)
    clock.now += 7.5
    assert not membership.owns(BARS, membership.epoch)
    membership.renew(clock.now)
    assert membership.owns(BARS, membership.epoch)
    assert not membership.owns(OTHER, membership.epoch)
    membership.begin_epoch()
    assert not membership.owns(BARS, membership.epoch)


def test_what_an_agent_had_when_its_partition_was_begun_anew_comes_again() -> None:
    """The state that it was taken into has been forgotten."""
    deliveries, _ = made()
    had = hand_over(deliveries, BARS, 0, 3)
    deliveries.begin(had)
    deliveries.rewind(BARS, 0)
    again = hand_over(deliveries, BARS, 0, 3)
    deliveries.end(had, done=had)
    assert deliveries.position(BARS) == 0
    deal(deliveries, again)
    assert deliveries.committable() == {BARS: 3}


def test_two_turns_end_in_any_order() -> None:
    deliveries, clock = made()
    first, second = hand_over(deliveries, BARS, 0, 2), hand_over(deliveries, BARS, 2, 4)
    deliveries.begin(first)
    deliveries.begin(second)
    deliveries.end(second, done=second)
    clock.now += 60
    assert deliveries.position(BARS) == 0
    assert deliveries.missing() == {}, "the agent has them"
    deliveries.end(first, done=first)
    assert deliveries.committable() == {BARS: 4}
