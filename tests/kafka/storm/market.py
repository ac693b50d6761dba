"""A seeded market: daily bars of some tickers with splits, and every edition of them that a vendor delivers."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.kafka.storm import wire

#: Powers of two, so that prices on today's basis are the same to the bit for every edition.
_SPLITS = (2.0, 2.0, 4.0, 0.5)
#: The ticker whose bars come from a file, and the ticker with more bars than are kept.
FILED, LONG = "FILED", "LONG"
_CORRECTION = 0.004
_EVENING = 20 * 3600
_AFTERNOON = 15 * 3600


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message, sent at `at`, a fraction of the round's time.

    `good`: it has good bars. `dead`: it must be among the dead letters. A message may be both.
    """

    number: int
    at: float
    channel: str
    ticker: str
    key: bytes | None
    value: bytes | None
    partition: int
    good: bool = True
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Edition:
    """The bars of a message, before its channel is chosen."""

    at: float
    ticker: str
    value: bytes


class Ticker:
    """A ticker's prices on today's basis, its splits, and the moments of its fetches."""

    def __init__(self, name: str, days: list[dt.date], rng: random.Random, *, splits: bool = True) -> None:
        self.name = name
        self.days = days
        self._rng = rng
        self._second: dict[dt.date, int] = {}
        self._bars = list(_walk(len(days), rng))
        count = rng.choice((0, 0, 1, 2)) if splits else 0
        self._splits = {days[n]: rng.choice(_SPLITS) for n in rng.sample(range(40, len(days) - 5), count)}

    def editions(self, live_from: int) -> Iterator[Edition]:
        """A backfill of the bars before `live_from`, then day after day, with corrections and repetitions."""
        rng, count = self._rng, len(self.days)
        evening = self._moment(live_from - 1, _EVENING)
        start = 0
        while start < live_from:
            stop = min(live_from, start + rng.choice((10, 20, 30, 60)))
            yield self._edition(0.02 + 0.18 * rng.random(), range(start, stop), evening)
            start = stop
        for n in range(live_from, count):
            at = 0.12 + 0.86 * (n - live_from) / (count - live_from)
            if rng.random() < 0.08:
                early = self._moment(n, _AFTERNOON)
                yield self._edition(at, [n], early, change=rng.uniform(-1, 1), volume=0.5)
            at = min(0.99, at + 0.01 * rng.random())
            yield self._edition(at, [n], self._moment(n, _EVENING))
            if rng.random() < 0.06:
                yield self._edition(
                    at, [n - rng.choice((0, 1, 3, 20, 100))], self._moment(n, _EVENING), change=rng.uniform(-1, 1)
                )
            if rng.random() < 0.03:
                first = max(0, n - rng.randrange(2, 40))
                yield self._edition(at, range(first, n + 1), self._moment(n, _EVENING))

    def in_order(self) -> Iterator[Edition]:
        """A longer history than is kept, in the order of days, with corrections of late bars only."""
        for start in range(0, len(self.days), 20):
            stop = min(len(self.days), start + 20)
            at = 0.05 + 0.9 * start / len(self.days)
            yield self._edition(at, range(start, stop), self._moment(stop - 1, _EVENING))
            if self._rng.random() < 0.3:
                yield self._edition(at, [stop - self._rng.randrange(1, 20)], self._moment(stop - 1, _EVENING), change=0.7)

    def whole(self) -> Edition:
        """All of its bars, as in a file that was written in the evening of the last day."""
        return self._edition(0.0, range(len(self.days)), self._moment(len(self.days) - 1, _EVENING))

    def _moment(self, n: int, second: int) -> tuple[str, str]:
        """A new moment of a fetch on the day of bar `n`. The moment decides which edition counts."""
        day = self.days[n]
        used = self._second[day] = max(self._second.get(day, 0) + 1, second)
        return day.isoformat(), str(dt.time(used // 3600, used // 60 % 60, used % 60))

    def _edition(
        self, at: float, which: range | list[int], moment: tuple[str, str], *, change: float = 0.0, volume: float = 1.0
    ) -> Edition:
        fetched = dt.date.fromisoformat(moment[0])
        rows = [self._row(n, fetched, change, volume) for n in which]
        return Edition(at, self.name, wire.value_of(self.name, *moment, rows))

    def _row(self, n: int, fetched: dt.date, change: float, volume: float) -> dict[str, Any]:
        """Bar `n` as the vendor had it on the day of the fetch: adjusted for the splits up to that day."""
        day = self.days[n]
        ratio = 1.0
        for split_day, split in self._splits.items():
            if fetched < split_day and day < split_day:
                ratio *= split
        bar = self._bars[n]
        middle = bar["close"] * (1 + _CORRECTION * change)
        low, high = min(bar["low"], middle), max(bar["high"], middle)
        return {
            "date": day.isoformat(),
            "open": bar["open"] * ratio,
            "high": high * ratio,
            "low": low * ratio,
            "close": middle * ratio,
            "volume": bar["volume"] * volume / ratio,
            "dividend": bar["dividend"] * ratio,
            "split": self._splits.get(day, 1.0),
        }


def _walk(count: int, rng: random.Random) -> Iterator[dict[str, float]]:
    close = rng.uniform(20, 400)
    for _ in range(count):
        opening = close * (1 + 0.004 * rng.gauss(0, 1))
        close = max(1.0, close * (1 + 0.013 * rng.gauss(0, 1)))
        low = min(opening, close) * (1 - 0.006 * rng.random())
        high = max(opening, close) * (1 + 0.006 * rng.random())
        volume = 64.0 * rng.randrange(5_000, 60_000)
        dividend = round(0.002 * close, 2) if rng.random() < 0.01 else 0.0
        yield {"open": opening, "high": high, "low": low, "close": close, "volume": volume, "dividend": dividend}


def sessions(last: dt.date, count: int) -> list[dt.date]:
    """The weekdays up to and including `last`."""
    days: list[dt.date] = []
    while len(days) < count:
        if last.weekday() < 5:
            days.append(last)
        last -= dt.timedelta(days=1)
    return days[::-1]


def deliveries(rng: random.Random, *, today: dt.date, partitions: int, tickers: int) -> list[Delivery]:
    """All messages of a round in the order of sending."""
    from tests.kafka.storm.poison import poison

    editions: list[Edition] = []
    for number in range(tickers):
        # Some tickers are a few days behind. The last bar of the others is today's, so that a clock behind by a day matters.
        days = sessions(today - dt.timedelta(days=rng.choice((0, 0, 0, 1, 4))), rng.randrange(300, 480))
        ticker = Ticker(f"S{number:02}", days, rng)
        editions += ticker.editions(rng.randrange(150, len(days) - 30))
    wanted: list[tuple[float, str, Edition]] = []
    for edition in editions:
        channel = rng.choices((wire.PROJECT, wire.INDEPENDENT, wire.TRANSACTION), (5, 5, 1))[0]
        wanted.append((edition.at, channel, edition))
        if rng.random() < 0.06:
            again = rng.choice((wire.PROJECT, wire.INDEPENDENT, wire.ABORTED))
            wanted.append((min(0.995, edition.at + rng.random() * 0.3), again, edition))
    made = [(at, channel, edition.ticker, edition.ticker.encode(), edition.value, None) for at, channel, edition in wanted]
    good = [
        Delivery(0, at, channel, ticker, key, value, wire.partition_of(key, partitions))
        for at, channel, ticker, key, value, _ in made
    ]
    # By a single sender, so that no bar is too late for its history.
    good += [
        Delivery(0, edition.at, wire.PROJECT, LONG, LONG.encode(), edition.value, wire.partition_of(LONG.encode(), partitions))
        for edition in Ticker(LONG, sessions(today, 760), rng).in_order()
    ]
    filed = Ticker(FILED, sessions(today - dt.timedelta(days=2), 200), rng, splits=False).whole()
    key = FILED.encode()
    good.append(Delivery(0, 0.4 * rng.random(), wire.COMMAND, FILED, key, filed.value, wire.partition_of(key, partitions)))
    everything = sorted([*good, *poison(rng, good, partitions)], key=lambda one: one.at)
    return [_numbered(one, number) for number, one in enumerate(everything)]


def _numbered(one: Delivery, number: int) -> Delivery:
    return Delivery(number, one.at, one.channel, one.ticker, one.key, one.value, one.partition, one.good, one.dead)
