"""The whole table as bytes: how new it is, who makes it, and how often."""

from __future__ import annotations

import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from errors import StateMissingError
from optimizer.web.editions import Editions
from state.follower import REFRESH_SECONDS
from tests.made.market import TICKERS, made_bars, made_rows

#: Ends what would wait for ever, and nothing else.
PATIENCE_SECONDS = 300.0
ROWS = list(made_rows(made_bars()).values())


class Table:
    """A table that takes `seconds` to read, by a clock of its own, and `asked` times so far."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.rows = list(ROWS)
        self.unreadable: dict[str, str] = {}
        self.asked = 0

    def __call__(self):
        self.asked += 1
        self.now += self.seconds
        return self.rows, dict(self.unreadable)

    def editions(self) -> Editions:
        return Editions(self, clock=lambda: self.now)


def test_an_edition_has_every_row_plain_and_compressed_and_without_what_only_pooling_reads():
    edition = Table().editions().newest()
    content = json.loads(edition.plain)
    assert [row["ticker"] for row in content["forecasts"]] == sorted(TICKERS)
    assert all(row["pool"] is None for row in content["forecasts"])
    assert gzip.decompress(edition.gzipped) == edition.plain


def test_while_nothing_changes_the_edition_stays_the_same_and_looking_costs_the_readers_rhythm():
    table = Table()
    editions = table.editions()
    first = editions.newest()
    table.now += REFRESH_SECONDS * 0.9
    assert editions.newest() is first
    assert table.asked == 1
    table.now += REFRESH_SECONDS * 0.2
    assert editions.newest() is first
    assert table.asked == 2


def test_other_rows_or_another_unreadable_one_make_another_edition_of_another_tag():
    table = Table()
    editions = table.editions()
    seen = {editions.newest().tag}
    table.now += 1.0
    table.rows = table.rows[:-1]
    seen.add(editions.newest().tag)
    table.now += 1.0
    table.unreadable = {TICKERS[-1]: "damaged"}
    edition = editions.newest()
    seen.add(edition.tag)
    assert json.loads(edition.plain)["missing"] == table.unreadable
    assert len(seen) == 3


@pytest.mark.parametrize(("took", "pause"), [(0.06, 99 * 0.06), (3.0, 30.0)])
def test_editions_are_made_a_hundredth_of_the_time_and_at_least_every_half_minute(took, pause):
    table = Table(seconds=took)
    editions = table.editions()
    first = editions.newest()
    table.rows = table.rows[:-1]
    table.now += pause - 0.01
    assert editions.newest() is first
    table.now += 0.02
    assert editions.newest() is not first


def test_while_one_caller_makes_an_edition_the_others_have_the_last_one_unless_it_is_long_outdated():
    making, released = threading.Event(), threading.Event()
    table = Table()

    def read():
        if table.asked:
            making.set()
            assert released.wait(PATIENCE_SECONDS)
        return table()

    editions = Editions(read, clock=lambda: table.now)
    first = editions.newest()
    table.rows = table.rows[:-1]
    table.now += 1.0
    with ThreadPoolExecutor(2) as callers:
        maker = callers.submit(editions.newest)
        assert making.wait(PATIENCE_SECONDS)
        assert editions.newest() is first
        table.now += 60.0
        patient = callers.submit(editions.newest)
        released.set()
        newer = maker.result(PATIENCE_SECONDS)
        assert newer is not first
        assert patient.result(PATIENCE_SECONDS) is newer


def test_a_table_that_cannot_be_read_is_said_to_every_caller_until_it_can():
    failures = [StateMissingError("no state"), StateMissingError("no state")]
    table = Table()

    def read():
        if failures:
            raise failures.pop()
        return table()

    editions = Editions(read, clock=lambda: table.now)
    for _ in range(2):
        with pytest.raises(StateMissingError):
            editions.newest()
    assert editions.newest().rows is table.rows
