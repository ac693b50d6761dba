"""From samples to a verdict: is each process flat? Pure.

What is compared is the longest life of a process under each name: its second quarter, when it is warm, with its last quarter.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

#: A shorter life says nothing about growth: libraries load, caches fill.
LEAST_SECONDS: Final = 240.0


class Reading(NamedTuple):
    """What a process holds: megabytes of memory and disk, counts, kilobytes of log since its name was first used."""

    memory: float
    descriptors: float
    threads: float
    disk: float
    log: float


class Sample(NamedTuple):
    """A reading of the process `pid` under a name, `at` seconds after the beginning."""

    at: float
    name: str
    pid: int
    reading: Reading


class Bound(NamedTuple):
    """`share` and `slack`: the growth that is allowed between the two quarters; `most`: the largest value."""

    share: float
    slack: float
    most: float


#: Part of a name → bounds of a kind of process; the first that fits counts.
#: Memory: 5 % and 6 MB are what the allocator's arenas and tables in use differ by between two quarters of a process that leaks
#: nothing. A leak of 1 MB a minute shows in twenty minutes, a smaller one only in a longer run (MINUTES=120).
#: Largest memory: 300 MB are aimed at. A worker has 88 MB of LLVM's file from its start on, and is measured with up to 264 MB;
#: the service with up to 135 MB.
#: The pool: each of its processes shares pages with the forkserver, and they are counted for each. Kafka has a heap of 512 MB.
_MEMORY: Final[Mapping[str, Bound]] = {
    "pool": Bound(0.05, 6.0, 900.0),
    "broker": Bound(0.15, 20.0, 1000.0),
    "serve": Bound(0.05, 6.0, 200.0),
    "": Bound(0.05, 6.0, 300.0),
}
#: RocksDB opens a file for each flush and closes the files that it has merged: up to four files in each of twelve databases.
#: Kafka keeps three files open for each segment of a log.
_DESCRIPTORS: Final[Mapping[str, Bound]] = {"broker": Bound(0.1, 20.0, 4000.0), "": Bound(0.0, 48.0, 1000.0)}
#: Pools of threads grow to their size at their first use, so a thread or two may come late. The service has a thread for each
#: request at once, and some that are at rest.
_THREADS: Final[Mapping[str, Bound]] = {"serve": Bound(0.0, 12.0, 60.0), "": Bound(0.0, 2.0, 120.0)}
#: New bars are kept (60 bytes each), and the log of writes before the next flush: up to a megabyte in each of twelve databases.
#: Kafka's logs hold all messages of the run.
_DISK: Final[Mapping[str, Bound]] = {"broker": Bound(2.0, 50.0, 2000.0), "": Bound(0.1, 12.0, 200.0)}
#: Kilobytes of log a minute: faults take some lines, and repeated lines are left out.
_LOG: Final = 10.0
#: Besides, a worker has a line for each training, suspect and rejected message; the service has a line for each answer.
_LOG_PER_MESSAGE, _LOG_PER_ANSWER = 0.06, 0.25


@dataclass(frozen=True, slots=True)
class Row:
    """A process's longest life: seconds, the medians of its second and its last quarter, the largest values, what is wrong.

    `memory_by_tenths` is in megabytes, at the end of each tenth.
    """

    name: str
    seconds: float
    early: Reading
    late: Reading
    most: Reading
    log_rate: float
    memory_by_tenths: tuple[int, ...]
    problems: tuple[str, ...]

    @property
    def judged(self) -> bool:
        """Whether it lived long enough for its growth to be judged."""
        return self.seconds >= LEAST_SECONDS


def judge(samples: Iterable[Sample], *, messages: int, answers: int) -> list[Row]:
    """A row by name; none if nothing was sampled. `messages` of bars and `answers` of the service came in all."""
    lives: dict[str, dict[int, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        lives[sample.name][sample.pid].append(sample)
    minutes = max((sample.at for of in lives.values() for life in of.values() for sample in life), default=0.0) / 60.0
    rows: list[Row] = []
    for name, of in lives.items():
        work = _LOG_PER_ANSWER * answers if name == "serve" else _LOG_PER_MESSAGE * messages
        everything = [sample for life in of.values() for sample in life]
        rows.append(_row(name, max(of.values(), key=_seconds), everything, _LOG + work / max(minutes, 1.0)))
    return rows


def _seconds(life: Sequence[Sample]) -> float:
    return life[-1].at - life[0].at


def _row(name: str, life: Sequence[Sample], everything: Sequence[Sample], most_log: float) -> Row:
    quarter = max(1, len(life) // 4)
    early, late = _medians(life[quarter : 2 * quarter] or life), _medians(life[-quarter:])
    most = Reading(*(max(values) for values in zip(*(sample.reading for sample in everything), strict=True)))
    minutes = max(everything[-1].at - everything[0].at, 60.0) / 60.0
    log_rate = most.log / minutes
    problems: list[str] = []
    for what, bounds in (("memory", _MEMORY), ("descriptors", _DESCRIPTORS), ("threads", _THREADS), ("disk", _DISK)):
        bound = _of(bounds, name)
        before, after, peak = (getattr(reading, what) for reading in (early, late, most))
        if peak > bound.most:
            problems.append(f"{what} up to {peak:.0f}, at most {bound.most:.0f} is right")
        allowed = before * (1 + bound.share) + bound.slack
        if _seconds(life) >= LEAST_SECONDS and after > allowed:
            problems.append(f"{what} grew from {before:.1f} to {after:.1f}, up to {allowed:.1f} is flat")
    if log_rate > most_log:
        problems.append(f"{log_rate:.1f} kB of log a minute, at most {most_log:.0f} is right")
    tenths = [life[len(life) * tenth // 10].reading.memory for tenth in range(1, 10)] + [life[-1].reading.memory]
    return Row(name, _seconds(life), early, late, most, log_rate, tuple(map(round, tenths)), tuple(problems))


def _medians(life: Sequence[Sample]) -> Reading:
    return Reading(*(statistics.median(values) for values in zip(*(sample.reading for sample in life), strict=True)))


def _of(bounds: Mapping[str, Bound], name: str) -> Bound:
    return next(bound for part, bound in bounds.items() if part in name)


def table(rows: Iterable[Row]) -> str:
    """A line by process: second quarter → last quarter (largest) of each measure, and the verdict."""
    titles = f"{'memory MB':>20}{'descriptors':>20}{'threads':>20}{'disk MB':>24}{'log kB/min':>12}"
    lines = [f"{'process':<10}{'lived':>9}{titles}  verdict"]
    for row in rows:
        cells = [
            f"{_change(row, 'memory', 0):>20}",
            f"{_change(row, 'descriptors', 0):>20}",
            f"{_change(row, 'threads', 0):>20}",
            f"{_change(row, 'disk', 1):>24}",
        ]
        verdict = "; ".join(row.problems) or ("flat" if row.judged else "too short to judge growth")
        lines.append(f"{row.name:<10}{row.seconds / 60:>5.1f} min{''.join(cells)}{row.log_rate:>12.1f}  {verdict}")
    return "\n".join(lines)


def _change(row: Row, what: str, digits: int) -> str:
    before, after, most = (getattr(reading, what) for reading in (row.early, row.late, row.most))
    return f"{before:.{digits}f} → {after:.{digits}f} ({most:.{digits}f})"
