"""Bars of one ticker on their way from a source into batches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from producers.adjust import adjust_by_close
from records import BarBatch, Bars, Days, Floats, RejectedBar, batch_of, date_of, day_number, not_daily, validate_days
from records.validation import EARLIEST_DATE

#: Measured: larger messages bring little more, and a worker's memory grows with them.
BARS_PER_BATCH: Final = 250


@dataclass(frozen=True, slots=True, eq=False)
class RawBars:
    """What a source has of one ticker, unchecked and in the source's order, columns of one length.

    `values` has open, high, low, close, volume and perhaps adjusted_close, dividend or split; NaN where there is none. Without
    the column `split` the source does not know of splits. `undated` holds, by row, the text of what is no date. `fetched` is
    when the source had them so, with a time zone; None if unknown, the newest bar's date is then used. `where` names their
    file, `currency` is the code of the prices' currency, None if the source does not say.
    """

    ticker: str
    day: Days
    values: dict[str, Floats]
    undated: Mapping[int, str]
    fetched: dt.datetime | None
    where: str = ""
    currency: str | None = None

    def part(self, rows: np.ndarray) -> RawBars:
        """The chosen rows, in the order given."""
        undated = {at: self.undated[row] for at, row in enumerate(rows.tolist()) if row in self.undated} if self.undated else {}
        return replace(self, day=self.day[rows], values={k: v[rows] for k, v in self.values.items()}, undated=undated)


def batches(
    raw: RawBars,
    *,
    source: str,
    start: dt.date | None,
    end: dt.date | None,
    today: dt.date,
    screen: Callable[[str, Bars], tuple[Bars, list[RejectedBar]]],
) -> Iterator[BarBatch | RejectedBar]:
    """What is wrong with the bars from `start` to `end`, both included, then the good bars by date in batches.

    `screen` may hold out more of the bars that passed every check. Bars that are not daily are refused together: one rejected
    bar without a date.
    """
    as_of, as_of_time = _edition(raw, today)
    raw = _between(raw, start, end)
    known = raw.day[datable(raw.day, today)]
    reason = not_daily(known if (known[1:] > known[:-1]).all() else np.unique(known))
    if reason is not None:
        yield RejectedBar(raw.ticker, "", reason)
        return
    if "adjusted_close" in raw.values:
        raw, unadjusted = _adjusted(raw)
        yield from unadjusted
    bars, rejected = validate_days(raw.ticker, raw.day, raw.values, today=today, undated=raw.undated)
    yield from rejected
    bars, held_out = screen(raw.ticker, bars)
    yield from held_out
    for first in range(0, len(bars), BARS_PER_BATCH):
        yield batch_of(
            raw.ticker,
            bars[first : first + BARS_PER_BATCH],
            source=source,
            as_of=as_of,
            as_of_time=as_of_time,
            gives_splits="split" in raw.values,
            currency=raw.currency,
        )


def datable(day: Days, today: dt.date) -> np.ndarray:
    """Mask of the day numbers that can be dates of bars."""
    inside: np.ndarray = (day >= day_number(EARLIEST_DATE)) & (day <= day_number(today))
    return inside


def _edition(raw: RawBars, today: dt.date) -> tuple[dt.date, dt.time]:
    """The day and the time, UTC, as of which the bars are what they are: the same whenever and however much of them is read.

    A clock that was wrong, or an archive that keeps no times, may say that bars were fetched before they were made.
    """
    newest = date_of(raw.day[raw.day <= day_number(today)].max(initial=day_number(EARLIEST_DATE)))
    if raw.fetched is None or raw.fetched.astimezone(dt.UTC).date() < newest:
        return newest, dt.time()
    fetched = raw.fetched.astimezone(dt.UTC)
    return (fetched.date(), fetched.time()) if fetched.date() <= today else (today, dt.time())


def _between(raw: RawBars, start: dt.date | None, end: dt.date | None) -> RawBars:
    inside = np.ones(len(raw.day), dtype=np.bool_)
    if start is not None:
        inside &= raw.day >= day_number(start)
    if end is not None:
        inside &= raw.day <= day_number(end)
    inside[list(raw.undated)] = True  # their fault is reported, whatever the range
    return raw if inside.all() else raw.part(np.flatnonzero(inside))


def _adjusted(raw: RawBars) -> tuple[RawBars, list[RejectedBar]]:
    """The bars with adjusted prices, by date, and the bars that have a close but no adjusted close."""
    raw = raw.part(np.argsort(raw.day, kind="stable"))
    adjusted_close = raw.values["adjusted_close"]
    lost = ~(np.isfinite(adjusted_close) & (adjusted_close > 0)) & (raw.values["close"] > 0)
    lost[list(raw.undated)] = False
    rejected = [
        RejectedBar(
            raw.ticker,
            date_of(raw.day[row]).isoformat(),
            "adjusted close missing or not positive; --read-as prices=raw leaves that column out",
        )
        for row in np.flatnonzero(lost)
    ]
    raw = raw.part(np.flatnonzero(~lost))
    return replace(raw, values=adjust_by_close(raw.values)), rejected
