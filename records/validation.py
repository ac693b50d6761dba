"""Validation of bars at the border: which bars are accepted, and why the others are refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from records.bars import MARKET_COLUMNS, PRICE_COLUMNS, VALUE_COLUMNS, Bars, Days, Floats, date_of, day_number, parse_date
from records.batch import BarBatch, is_fetched_too_late

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

#: Open and close may lie outside [low, high] by this much: vendors round each price of a bar for itself, to the cent, and
#: adjusting multiplies the rounding. In absolute terms for ordinary prices, relative for large prices.
ROUNDING_ABSOLUTE: Final = 0.0101
ROUNDING_RELATIVE: Final = 1e-4
#: No supported exchange has daily bars before this date.
EARLIEST_DATE: Final = dt.date(1900, 1, 1)
#: Coins are quoted at 3e-7 dollars and below, and at more than 1e9 rupiah; beyond these a price is an error of units.
LARGEST_PRICE: Final = 1e13
SMALLEST_PRICE: Final = 1e-12
LARGEST_VOLUME: Final = 1e18
#: Within one session a price hardly moves by more.
_LARGEST_OF_A_SESSION: Final = 1.5
#: Real splits, reverse splits included, are smaller.
LARGEST_SPLIT: Final = 1e5


class RejectedBar(msgspec.Struct, frozen=True):
    """A refused bar. `date` is the text in its date column, whether a date or not."""

    ticker: str
    date: str
    reason: str


def validate_batch(batch: BarBatch, *, today: dt.date) -> tuple[Bars, list[RejectedBar]]:
    """The good bars of a batch in the order of their dates, and the others with their reasons.

    `today` bounds the dates; the caller passes it so that this stays without a clock. Two bars of one date are one if equal;
    if not, the bar with the larger volume is taken, which has seen more of the session, and none if the volumes are equal. A
    batch that says it was fetched after tomorrow (clocks differ by time zones) is refused whole: nothing could ever correct it.
    """
    if is_fetched_too_late(batch, today):
        reason = f"fetched in the future, on {batch.as_of} (today is {today})"
        return Bars.empty(), [RejectedBar(batch.ticker, date[:40], reason) for date in batch.date]
    columns = {
        name: np.array(getattr(batch, name), dtype=np.float64) for name in VALUE_COLUMNS if getattr(batch, name) is not None
    }
    return validate_columns(batch.ticker, batch.date, columns, today=today)


def validate_columns(
    ticker: str, dates: Sequence[str], columns: dict[str, Floats], *, today: dt.date
) -> tuple[Bars, list[RejectedBar]]:
    """As `validate_batch`, for columns as arrays of one length; NaN is a missing value."""
    day, undated = _days_of(dates)
    return validate_days(ticker, day, columns, today=today, undated=undated)


def validate_days(
    ticker: str, day: Days, columns: dict[str, Floats], *, today: dt.date, undated: Mapping[int, str]
) -> tuple[Bars, list[RejectedBar]]:
    """As `validate_columns`, with day numbers; `undated` holds, by row, texts that are not dates."""
    n = len(day)
    if not undated and _are_flawless(day, columns, today):
        return Bars.of(day, **columns), []
    columns = {"dividend": np.zeros(n), "split": np.ones(n)} | columns
    reasons = dict.fromkeys(undated, "not a date (YYYY-MM-DD)")
    for mask, reason in [*_date_faults(day, today), *_faults(columns)]:
        if mask.any():
            for row in np.flatnonzero(mask).tolist():
                reasons.setdefault(row, reason)
    if reasons:
        good = np.ones(n, dtype=np.bool_)
        good[list(reasons)] = False
        rows = np.flatnonzero(good)
    else:
        rows = np.arange(n)
    if (day[rows[1:]] <= day[rows[:-1]]).any():
        rows = rows[np.argsort(day[rows], kind="stable")]
        rows = _without_repeats(day, columns, rows, reasons)
    bars = Bars(day=day[rows], **{name: column[rows] for name, column in columns.items()})
    rejected = [RejectedBar(ticker, _date_text(row, day, undated)[:40], reasons[row]) for row in sorted(reasons)]
    return bars, rejected


@lru_cache(maxsize=1 << 15)  # every ticker has the same dates; a hundred years of them fit
def _day_of(text: str) -> int:
    return day_number(parse_date(text))


def _days_of(dates: Sequence[str]) -> tuple[Days, dict[int, str]]:
    """The day numbers, 0 for a text that is not a date; and these texts by row."""
    try:
        return np.fromiter(map(_day_of, dates), np.int32, len(dates)), {}
    except ValueError:
        day = np.zeros(len(dates), dtype=np.int32)
    undated: dict[int, str] = {}
    for row, text in enumerate(dates):
        try:
            day[row] = _day_of(text)
        except ValueError:
            undated[row] = text
    return day, undated


def _date_text(row: int, day: Days, undated: Mapping[int, str]) -> str:
    return undated[row] if row in undated else str(np.datetime64(int(day[row]), "D"))


def _are_flawless(day: Days, columns: dict[str, Floats], today: dt.date) -> bool:
    """Whether no rule below finds a fault: true for nearly all batches, and found in a tenth of the time of the rules."""
    if not len(day) or (day[1:] <= day[:-1]).any():
        return False
    opening, high, low, close, volume = (columns[name] for name in MARKET_COLUMNS)
    dividend, split = columns.get("dividend"), columns.get("split")
    return bool(  # comparisons with NaN are false
        day[-1] <= day_number(today)
        and day[0] >= day_number(EARLIEST_DATE)
        and (low <= np.minimum(opening, close)).all()
        and (high >= np.maximum(opening, close)).all()
        and low.min() >= SMALLEST_PRICE
        and high.max() <= LARGEST_PRICE
        and volume.min() >= 0
        and volume.max() <= LARGEST_VOLUME
        and (dividend is None or (dividend.min() >= 0 and dividend.max() <= LARGEST_PRICE))
        and (split is None or (split.min() >= 1 / LARGEST_SPLIT and split.max() <= LARGEST_SPLIT))
    )


def _date_faults(day: Days, today: dt.date) -> list[tuple[Flags, str]]:
    return [
        (day > day_number(today), f"date in the future (today is {today})"),
        (day < day_number(EARLIEST_DATE), f"date before {EARLIEST_DATE}"),
    ]


def _faults(columns: dict[str, Floats]) -> list[tuple[Flags, str]]:
    """Masks of faulty bars with their reasons, the most specific first."""
    faults = [(~np.isfinite(columns[name]), f"{name} missing or not a finite number") for name in MARKET_COLUMNS]
    for name in PRICE_COLUMNS:
        faults.append((columns[name] <= 0, f"{name} not positive"))
        faults.append(
            (
                (columns[name] > LARGEST_PRICE) | (columns[name] < SMALLEST_PRICE),
                f"{name} outside [{SMALLEST_PRICE:g}, {LARGEST_PRICE:g}]",
            )
        )
    faults.append((columns["volume"] < 0, "volume negative"))
    faults.append((columns["volume"] > LARGEST_VOLUME, f"volume above {LARGEST_VOLUME:g}"))
    high, low = columns["high"], columns["low"]
    slack = np.maximum(ROUNDING_ABSOLUTE, ROUNDING_RELATIVE * np.abs(high))
    # A penny stock's price is of the order of a cent: the slack must stay small beside it.
    slack = np.minimum(slack, 0.005 * np.abs(high))
    faults.append((high < low, "high below low"))
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers that are refused for their size anyway
        highest, lowest = high + slack, low - slack
    faults += [
        ((columns[name] > highest) | (columns[name] < lowest), f"{name} outside [low, high]") for name in ("open", "close")
    ]
    dividend, split = columns["dividend"], columns["split"]
    faults.append((~np.isfinite(dividend) | (dividend < 0), "dividend negative or not a finite number"))
    faults.append((dividend > LARGEST_PRICE, f"dividend above {LARGEST_PRICE:g}"))
    faults.append((~np.isfinite(split) | (split <= 0), "split not a positive number"))
    faults.append(((split > LARGEST_SPLIT) | (split < 1 / LARGEST_SPLIT), f"split beyond {LARGEST_SPLIT:g}:1"))
    return faults


def _are_of_one_session(close: Floats) -> bool:
    """Whether closes can be of one session, unfinished and later, and not of two series."""
    return bool(close.max() <= _LARGEST_OF_A_SESSION * close.min())


def _without_repeats(day: Days, columns: dict[str, Floats], rows: Rows, reasons: dict[int, str]) -> Rows:
    """One row a day of `rows`, which are sorted by day; days with contradicting rows are added to `reasons`."""
    kept: list[int] = []
    starts = np.flatnonzero(np.diff(day[rows], prepend=day[rows[0]] - 1))
    for same in np.split(rows, starts[1:]):
        values = np.column_stack([column[same] for column in columns.values()])
        volume = columns["volume"][same]
        largest = int(np.argmax(volume))
        beaten = volume < volume[largest]
        if (values == values[0]).all():
            kept.append(int(same[0]))
        elif (values[~beaten] == values[largest]).all() and _are_of_one_session(columns["close"][same]):
            kept.append(int(same[largest]))
            for row in same[beaten].tolist():
                reasons[row] = f"{len(same)} bars of {date_of(day[row])}; the bar with the larger volume is taken"
        else:
            for row in same.tolist():
                reasons[row] = f"{len(same)} bars of {date_of(day[row])} with different values; none is taken"
    return np.array(kept, dtype=np.intp)
