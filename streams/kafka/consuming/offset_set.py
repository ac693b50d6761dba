"""A set of offsets, stored as runs: messages are settled in long runs, and there are few runs at a time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class OffsetSet:
    """Half-open runs `[begin, end)` of integers: sorted, and not adjacent."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._begins)

    def __contains__(self, offset: int) -> bool:
        place = bisect_right(self._begins, offset) - 1
        return place >= 0 and offset < self._ends[place]

    @property
    def first(self) -> int | None:
        """The lowest offset, None if the set is empty."""
        return self._begins[0] if self._begins else None

    def run_end(self, offset: int) -> int:
        """The first offset at or after `offset` that is not in the set."""
        place = bisect_right(self._begins, offset) - 1
        return max(offset, self._ends[place]) if place >= 0 else offset

    def add(self, begin: int, end: int) -> None:
        """Add `[begin, end)`."""
        if begin >= end:
            return
        left = bisect_left(self._ends, begin)
        right = bisect_right(self._begins, end)
        if left < right:
            begin = min(begin, self._begins[left])
            end = max(end, self._ends[right - 1])
        self._begins[left:right] = [begin]
        self._ends[left:right] = [end]

    def remove(self, begin: int, end: int) -> None:
        """Remove `[begin, end)`; offsets that are not in the set do not matter."""
        if begin >= end:
            return
        left = bisect_right(self._ends, begin)
        right = bisect_left(self._begins, end)
        if left >= right:
            return
        kept_begins, kept_ends = [], []
        if self._begins[left] < begin:
            kept_begins.append(self._begins[left])
            kept_ends.append(begin)
        if self._ends[right - 1] > end:
            kept_begins.append(end)
            kept_ends.append(self._ends[right - 1])
        self._begins[left:right] = kept_begins
        self._ends[left:right] = kept_ends
