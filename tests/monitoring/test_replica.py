"""What makes a replica red, and what does not."""

from __future__ import annotations

from monitoring.judgement import AWAY_SECONDS, STANDSTILL_SECONDS
from monitoring.progress import Progress, Sample, advanced
from monitoring.replica import replica_reasons


def progress(*samples: tuple[float, int, int]) -> Progress:
    found: Progress | None = None
    for sample in samples:
        found = advanced(found, Sample(*sample))
    assert found is not None
    return found


def test_records_that_wait_without_progress_are_a_standstill() -> None:
    stands = progress(*((5.0 * k, 10, 12) for k in range(8)))
    (reason,) = replica_reasons(35.0, 35.0, {("history", 3): stands})
    assert reason.code == "standstill"
    assert "history 3 (2 messages, 35 s)" in reason.text
    assert not replica_reasons(STANDSTILL_SECONDS - 1.0, STANDSTILL_SECONDS - 1.0, {("history", 3): stands})


def test_a_large_lag_that_shrinks_and_an_empty_topic_are_none() -> None:
    moves = progress(*((5.0 * k, 100 * k, 1_000_000) for k in range(20)))
    idle = progress(*((5.0 * k, 7, 7) for k in range(20)))
    assert not replica_reasons(95.0, 95.0, {("forecasts", 0): moves, ("forecasts", 1): idle})


def test_a_broker_that_is_away_is_the_one_reason() -> None:
    stands = progress(*((5.0 * k, 10, 12) for k in range(8)))
    (reason,) = replica_reasons(100.0, 100.0 - AWAY_SECONDS - 1.0, {("history", 3): stands}, [("models", 2)])
    assert reason.code == "broker_away"


def test_a_changelog_that_has_lost_values_is_named() -> None:
    (reason,) = replica_reasons(35.0, 35.0, {}, [("models", 2), ("history", 1)])
    assert reason.code == "incomplete"
    assert "history 1, models 2" in reason.text


def test_a_partition_without_a_leader_is_named_once_it_lasts() -> None:
    """An election takes seconds."""
    (reason,) = replica_reasons(100.0, 99.0, {}, leaderless={("models", 2): 95.0, ("history", 1): 99.0 - AWAY_SECONDS})
    assert reason.code == "no_leader"
    assert "history 1: bring back the broker" in reason.text
