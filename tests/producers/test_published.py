"""The bars that have been published already."""

from __future__ import annotations

import msgspec

from producers.published import PublishedBars
from records import BarBatch
from tests.made.bars import made_bars


def altered(batch: BarBatch, row: int) -> BarBatch:
    close = list(batch.close)
    volume = list(batch.volume)
    volume[row] = (volume[row] or 0.0) + 1.0
    return msgspec.structs.replace(batch, close=close, volume=volume)


BATCHES = made_bars(1, 700, size=50)


def test_only_new_and_changed_bars_are_sent_again() -> None:
    published = PublishedBars()
    published.add(BATCHES[0])
    assert published.missing(BATCHES[0]) == []
    assert published.missing(altered(BATCHES[0], 7)) == [7]
    assert published.missing(BATCHES[1]) == list(range(50))
