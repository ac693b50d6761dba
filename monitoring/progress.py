"""Whether a partition moves: a run of samples of its offsets, judged without thresholds on lag (as LinkedIn's Burrow does).

A partition stands still if messages wait in it and none of them is processed for a whole span. A large lag that shrinks or
grows is no standstill, and neither is an empty partition, however long nothing comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

#: After a longer gap between two samples nobody watched (a frozen or suspended process): the run of samples begins anew.
LONGEST_GAP_SECONDS: Final = 30.0
#: Marks of how far the log reached and when; older marks are merged, so that the age of what waits is known to within a mark.
_MOST_MARKS: Final = 256


class Sample(NamedTuple):
    """Offsets of a partition at a moment (seconds of a monotonic clock): the first unprocessed offset, and the log's end."""

    at: float
    done: int
    end: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of one partition after its newest sample.

    `standing_since` is when messages began to wait without progress, None while there is progress or nothing to do. `moved_at`
    is the last progress seen. `marks` are ends of the log that are not reached yet, each with the time when it was first seen.
    """

    sample: Sample
    standing_since: float | None
    moved_at: float | None
    marks: tuple[tuple[int, float], ...]

    @property
    def lag(self) -> int:
        """Unprocessed messages."""
        return max(0, self.sample.end - self.sample.done)

    @property
    def lag_seconds(self) -> float:
        """How long the oldest unprocessed message has been seen to wait; 0 if none waits."""
        return self.sample.at - self.marks[0][1] if self.marks else 0.0

    def stood_for(self, now: float) -> float:
        """Seconds for which messages have waited without progress; 0 where there is progress or nothing to do."""
        return 0.0 if self.standing_since is None else max(0.0, now - self.standing_since)


def advanced(before: Progress | None, sample: Sample) -> Progress:
    """The progress after one more sample."""
    waits = sample.end > sample.done
    if before is None or not 0.0 <= sample.at - before.sample.at <= LONGEST_GAP_SECONDS:
        marks = ((sample.end, sample.at),) if waits else ()
        return Progress(sample, sample.at if waits else None, None if before is None else before.moved_at, marks)
    moved = sample.done > before.sample.done
    standing = before.standing_since
    if moved or not waits:
        standing = None
    elif standing is None:
        standing = sample.at
    if moved and waits:
        standing = sample.at
    return Progress(sample, standing, sample.at if moved else before.moved_at, _marked(before.marks, sample))


def _marked(marks: tuple[tuple[int, float], ...], sample: Sample) -> tuple[tuple[int, float], ...]:
    kept = tuple(mark for mark in marks if mark[0] > sample.done)
    if sample.end > sample.done and (not kept or sample.end > kept[-1][0]):
        kept = (*kept, (sample.end, sample.at))
    if len(kept) > _MOST_MARKS:
        # Every second mark: the messages before a dropped one count from the time of the mark before it, never from later.
        kept = tuple((end, kept[place * 2][1]) for place, (end, _) in enumerate(kept[1::2])) + kept[len(kept) // 2 * 2 :]
    return kept
