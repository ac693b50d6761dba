"""Reasons in words from measurements; none where nothing is wrong."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from monitoring.judgement import Measured, Partition, judge
from monitoring.outcomes import RECENT_SECONDS, Ended, Outcomes
from monitoring.progress import Progress, Sample
from monitoring.punctuality import Punctuality

NOW = 10_000.0


def stood(seconds: float) -> Progress:
    return Progress(Sample(NOW, 3, 9), NOW - seconds, None, ((9, NOW - seconds),))


def measured(**changes: Any) -> Measured:
    healthy = Measured(
        now=NOW,
        answered_at=NOW - 3.0,
        unsettled_since=None,
        restored_at=0.0,
        partitions=[Partition(0, True, stood(10.0)), Partition(1, False, stood(10.0))],
        deaths=0,
        failing={},
        training_stood_seconds=0.0,
        training_span_seconds=600.0,
        punctuality=[Punctuality("XNYS", dt.date(2026, 11, 25), 0, None)],
    )
    return healthy._replace(**changes)


def test_nothing_is_wrong() -> None:
    assert judge(measured()) == ()


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"partitions": [Partition(4, True, stood(31.0))]}, "standstill", "4 (6 messages, 31 s)"),
        ({"partitions": [Partition(5, False, stood(41.0))]}, "foreign_standstill", "nobody has them"),
        ({"answered_at": NOW - 25.0}, "broker_away", "Kafka has not answered for 25 s"),
        ({"unsettled_since": NOW - 50.0}, "recovering", "without progress for 50 s"),
        ({"deaths": 3}, "pool_dies", "died 3 times"),
        ({"failing": {"AAPL": "killed"}}, "trainings_fail", "AAPL for one: killed"),
        ({"training_stood_seconds": 601.0}, "trainings_stand_still", "no training has ended for 601 s"),
        (
            {"punctuality": [Punctuality("XNYS", dt.date(2026, 11, 20), 3, dt.date(2026, 11, 25))]},
            "bars_late",
            "newest 2026-11-20, 3 sessions overdue up to 2026-11-25",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(changes: dict[str, Any], code: str, words: str) -> None:
    (reason,) = judge(measured(**changes))
    assert reason.code == code
    assert words in reason.text


def test_while_the_broker_is_away_partitions_are_not_blamed() -> None:
    reasons = judge(measured(answered_at=NOW - 60.0, partitions=[Partition(0, True, stood(60.0))]))
    assert [reason.code for reason in reasons] == ["broker_away"]


def test_a_recovery_that_moves_may_take_long() -> None:
    assert judge(measured(unsettled_since=NOW - 3600.0, restored_at=NOW - 5.0)) == ()


def test_one_odd_ticker_does_not_make_trainings_fail() -> None:
    outcomes = Outcomes()
    for at in range(9):
        outcomes.note_training(Ended(float(at), "ODD", "never converges"))
    outcomes.note_training(Ended(9.0, "AAPL", None))
    assert outcomes.failing(10.0) == {}


def test_trainings_fail_until_they_succeed_or_are_long_past() -> None:
    outcomes = Outcomes()
    for ticker in "ABC":
        outcomes.note_training(Ended(1.0, ticker, "killed"))
    assert outcomes.failing(2.0) == dict.fromkeys("ABC", "killed")
    outcomes.note_training(Ended(3.0, "A", None))
    assert outcomes.failing(4.0) == {}
    again = Outcomes()
    for ticker in "ABC":
        again.note_training(Ended(1.0, ticker, "killed"))
    assert again.failing(RECENT_SECONDS + 2.0) == {}


def test_deaths_are_forgotten() -> None:
    outcomes = Outcomes()
    for at in (1.0, 2.0, 300.0):
        outcomes.note_death(at)
    assert outcomes.deaths(301.0) == 3
    assert outcomes.deaths(RECENT_SECONDS + 3.0) == 1
