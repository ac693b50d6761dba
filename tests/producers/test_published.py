"""The bars that have been published already."""

from __future__ import annotations

import msgspec

from producers.published import PublishedBars
from tests.made.bars import altered, made_bars

BATCHES = made_bars(1, 700, size=50)


def test_only_new_and_changed_bars_are_sent_again() -> None:
    published = PublishedBars()
    published.add(BATCHES[0])
    assert published.missing(BATCHES[0]) == []
    assert published.missing(altered(BATCHES[0], 7)) == [7]
    assert published.missing(BATCHES[1]) == list(range(50))


def test_bars_that_name_another_currency_are_sent_again() -> None:
    plain, pence, gbx, euro = (
        msgspec.structs.replace(BATCHES[0], currency=currency) for currency in (None, "GBp", "GBX", "EUR")
    )
    published = PublishedBars()
    published.add(plain)
    assert published.missing(pence) == list(range(50))
    published.add(pence)
    assert published.missing(pence) == published.missing(gbx) == published.missing(plain) == []
    assert published.missing(euro) == list(range(50))
