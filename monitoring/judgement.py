"""From measurements to reasons: what keeps a worker from doing its work, in words, each with what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from monitoring.outcomes import MOST_DEATHS, RECENT_SECONDS
from monitoring.progress import Progress
from monitoring.punctuality import Punctuality, overdue

#: Of this worker's own partitions: a turn of bars takes seconds.
STANDSTILL_SECONDS: Final = 30.0
#: Of other workers' partitions: a takeover takes 11 s, and a second takeover may follow. With a scrape (10 s) and an evaluation
#: (5 s) of Prometheus the alert comes within a minute.
FOREIGN_STANDSTILL_SECONDS: Final = 35.0
#: Requests for training wait for the pool, rightly; only the pool as a whole may stand still (`trainings`).
AWAY_SECONDS: Final = 20.0
#: Without a record read: a restoration that moves may take as long as it needs.
RECOVERY_SECONDS: Final = 45.0


class Reason(msgspec.Struct, frozen=True):
    """What is wrong: a code for programs and alerts, and a sentence for people."""

    code: str
    text: str


class Partition(NamedTuple):
    """A partition of the bars: its number, whether it is this worker's, its progress."""

    number: int
    is_own: bool
    progress: Progress


class Measured(NamedTuple):
    """What a worker has measured of itself and of its group at a moment (seconds of a monotonic clock).

    `answered_at` is when the broker last answered; `unsettled_since` is when partitions began to be dealt or tables to be read,
    None while neither is so; `restored_at` is the last progress of that.
    """

    now: float
    answered_at: float
    unsettled_since: float | None
    restored_at: float
    partitions: Sequence[Partition]
    deaths: int
    failing: Mapping[str, str]
    training_stood_seconds: float
    training_span_seconds: float
    punctuality: Sequence[Punctuality]


def judge(measured: Measured) -> tuple[Reason, ...]:
    """Why the worker, or its group, does not do its work; empty if it does."""
    found = [*_broker(measured), *_recovery(measured), *_partitions(measured), *_trainings(measured), *_bars(measured)]
    return tuple(Reason(code, text) for code, text in found)


def _broker(measured: Measured) -> list[tuple[str, str]]:
    silent = measured.now - measured.answered_at
    if silent <= AWAY_SECONDS:
        return []
    return [("broker_away", f"Kafka has not answered for {silent:.0f} s: bring it back; the worker goes on by itself")]


def _recovery(measured: Measured) -> list[tuple[str, str]]:
    since = measured.unsettled_since
    if since is None:
        return []
    quiet = measured.now - max(since, measured.restored_at)
    if quiet <= RECOVERY_SECONDS:
        return []
    text = (
        f"partitions have been dealt or tables read for {measured.now - since:.0f} s, without progress for {quiet:.0f} s: "
        "see the log, then restart this worker"
    )
    return [("recovering", text)]


def _partitions(measured: Measured) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if measured.now - measured.answered_at > AWAY_SECONDS:
        return found  # nothing is known of them
    own, foreign = [], []
    for number, is_own, progress in measured.partitions:
        stood = progress.stood_for(measured.now)
        if is_own and stood >= STANDSTILL_SECONDS:
            own.append(f"{number} ({progress.lag} messages, {stood:.0f} s)")
        elif not is_own and stood >= FOREIGN_STANDSTILL_SECONDS:
            foreign.append(f"{number} ({progress.lag} messages, {stood:.0f} s)")
    if own:
        text = f"partitions of this worker stand still: {', '.join(own)}: kill -9 it and start it again, nothing is lost"
        found.append(("standstill", text))
    if foreign:
        text = (
            f"partitions of other workers stand still: {', '.join(foreign)}: a worker hangs or nobody has them; see "
            "`python -m streams status`, then kill -9 the worker that hangs, or start one"
        )
        found.append(("foreign_standstill", text))
    return found


def _trainings(measured: Measured) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    minutes = RECENT_SECONDS / 60.0
    if measured.deaths >= MOST_DEATHS:
        text = (
            f"training processes died {measured.deaths} times within {minutes:.0f} minutes: look for what kills them (memory)"
        )
        found.append(("pool_dies", text))
    if measured.failing:
        ticker, reason = next(iter(measured.failing.items()))
        text = f"trainings of {len(measured.failing)} tickers failed within {minutes:.0f} minutes, {ticker} for one: {reason}"
        found.append(("trainings_fail", text))
    if measured.training_stood_seconds > measured.training_span_seconds:
        stood, span = measured.training_stood_seconds, measured.training_span_seconds
        text = f"no training has ended for {stood:.0f} s although some run, and none may take longer than {span:.0f} s"
        found.append(("trainings_stand_still", text))
    return found


def _bars(measured: Measured) -> list[tuple[str, str]]:
    late = [each for each in measured.punctuality if each.late_sessions > 0]
    if not late:
        return []
    text = (
        f"bars are older than the calendar allows ({'; '.join(map(overdue, late))}): run the daily job, see its exit code; "
        "for replayed history set BARS_DUE_HOURS=0"
    )
    return [("bars_late", text)]
