"""The whole table as bytes: how new it is, who makes it, and how often."""

from __future__ import annotations

import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from errors import StateMissingError
from optimizer.web.rendered_table import TableRenderer
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

    def renderer(self) -> TableRenderer:
        return TableRenderer(self, clock=lambda: self.now)


def test_a_rendered_table_has_every_row_plain_and_compressed_and_without_what_only_pooling_reads():
    rendered = Table().renderer().newest()
    content = json.loads(rendered.plain)
    assert [row["ticker"] for row in content["forecasts"]] == sorted(TICKERS)
    assert all(row["pool"] is None for row in content["forecasts"])
    assert gzip.decompress(rendered.gzipped) == rendered.plain


def test_while_nothing_changes_the_bytes_stay_the_same_and_the_table_is_read_at_the_readers_rhythm():
    table = Table()
    renderer = table.renderer()
    first = renderer.newest()
    table.now += REFRESH_SECONDS * 0.9
    assert renderer.newest() is first
    assert table.asked == 1
    table.now += REFRESH_SECONDS * 0.2
    assert renderer.newest() is first
    assert table.asked == 2


def test_other_rows_or_another_unreadable_row_change_the_tag():
    table = Table()
    renderer = table.renderer()
    seen = {renderer.newest().tag}
    table.now += 1.0
    table.rows = table.rows[:-1]
    seen.add(renderer.newest().tag)
    table.now += 1.0
    table.unreadable = {TICKERS[-1]: "damaged"}
    rendered = renderer.newest()
    seen.add(rendered.tag)
    assert json.loads(rendered.plain)["missing"] == table.unreadable
    assert len(seen) == 3


@pytest.mark.parametrize(("took", "pause"), [(0.06, 99 * 0.06), (3.0, 30.0)])
def test_tables_are_rendered_a_hundredth_of_the_time_and_at_least_every_half_minute(took, pause):
    table = Table(seconds=took)
    renderer = table.renderer()
    first = renderer.newest()
    table.rows = table.rows[:-1]
    table.now += pause - 0.01
    assert renderer.newest() is first
    table.now += 0.02
    assert renderer.newest() is not first


def test_while_one_caller_renders_the_others_get_the_last_bytes_unless_they_are_long_outdated():
    making, released = threading.Event(), threading.Event()
    table = Table()

    def read():
        if table.asked:
            making.set()
            assert released.wait(PATIENCE_SECONDS)
        return table()

    renderer = TableRenderer(read, clock=lambda: table.now)
    first = renderer.newest()
    table.rows = table.rows[:-1]
    table.now += 1.0
    with ThreadPoolExecutor(2) as callers:
        maker = callers.submit(renderer.newest)
        assert making.wait(PATIENCE_SECONDS)
        assert renderer.newest() is first
        table.now += 60.0
        patient = callers.submit(renderer.newest)
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

    renderer = TableRenderer(read, clock=lambda: table.now)
    for _ in range(2):
        with pytest.raises(StateMissingError):
            renderer.newest()
    assert renderer.newest().rows is table.rows
