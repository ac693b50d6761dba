"""BarBatch: the message on the topic `bars`, with one or more daily bars of one ticker."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from errors import MessageError
from records.bars import VALUE_COLUMNS, Bars, day_number
from records.tickers import TICKER_PATTERN, is_ticker
from records.versioned import Versioned

BAR_BATCH_VERSION: Final = 1
#: The most bars in one message, 40 years of days: a longer message is a mistake or an attack.
MAX_BARS_PER_BATCH: Final = 10_080
_DAY_SECONDS: Final = 86_400

Column = Annotated[list[float | None], msgspec.Meta(max_length=MAX_BARS_PER_BATCH)]
TickerText = Annotated[str, msgspec.Meta(pattern=TICKER_PATTERN, description="Canonical symbol, upper case")]


class BarBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """One or more daily bars of one ticker, as columns of equal length; the key of the message is the ticker.

    A live day is a batch of one bar, and a backfill sends some hundred bars a message. Prices are those of the exchange,
    adjusted for the splits known at `as_of` and not for dividends. A source that has only fully adjusted prices sends these,
    without dividends. A null or impossible value rejects its own bar, never the batch.
    """

    schema_version: Annotated[int, msgspec.Meta(ge=1)] = BAR_BATCH_VERSION
    ticker: TickerText
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="The publisher: sample, file, yfinance, …")]
    as_of: Annotated[dt.date, msgspec.Meta(description="The day on which the bars were fetched or their file was written")]
    as_of_time: Annotated[
        dt.time,
        msgspec.Meta(tz=False, description="The time of that day, UTC: of two editions of a bar the later edition counts"),
    ] = dt.time()
    date: Annotated[list[str], msgspec.Meta(max_length=MAX_BARS_PER_BATCH, description="ISO dates, YYYY-MM-DD")]
    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column
    dividend: Annotated[Column | None, msgspec.Meta(description="Currency per share on the ex-date, 0 for no dividend")] = None
    split: Annotated[
        Column | None,
        msgspec.Meta(
            description="New shares per old share, 1 for no split. Leave the column out if the source does not report "
            "splits: then earlier splits of these bars stay"
        ),
    ] = None
    currency: Annotated[
        str | float | None,
        msgspec.Meta(
            description="Currency of the prices: ISO 4217's code or number, or GBp, ZAc, ILA for hundredths. Leave it out if "
            "the source does not say: then that of the ticker's newest bars that say theirs counts, or else the symbol's"
        ),
    ] = None

    @property
    def fetched(self) -> float:
        """The moment of fetching in days since 1970-01-01, UTC: a day number plus the fraction of the day."""
        time = self.as_of_time
        return day_number(self.as_of) + (3600 * time.hour + 60 * time.minute + time.second) / _DAY_SECONDS


_codec = Versioned(BarBatch, BAR_BATCH_VERSION, json=True)


def decode_batch(payload: bytes, key: bytes | None = None) -> BarBatch:
    """The batch in a message, checked for types, version, equal lengths, and a `key` (if given) equal to the ticker.

    `records.validation` checks the bars. Raises MessageError or SchemaError with the reason.
    """
    batch = _codec.decode(payload, "BarBatch", lambda error: MessageError(f"not a BarBatch: {error}"))
    if not is_ticker(batch.ticker):  # the schema's pattern accepts a final line break, and words of headers
        raise MessageError(f"{batch.ticker!r:.60} is not a ticker")
    if key is not None and key != batch.ticker.encode():
        raise MessageError(f"{batch.ticker}: the message's key is {key[:40]!r}; key every message by its ticker")
    n = len(batch.date)
    for name in VALUE_COLUMNS:
        column = getattr(batch, name)
        if column is not None and len(column) != n:
            raise MessageError(f"{batch.ticker}: column {name} has {len(column)} values for {n} dates")
    return batch


def encode_batch(batch: BarBatch) -> bytes:
    """The message's bytes (JSON)."""
    return _codec.encode(batch)


def batch_of(
    ticker: str,
    bars: Bars,
    *,
    source: str,
    as_of: dt.date,
    as_of_time: dt.time = dt.time(),
    gives_splits: bool = False,
    currency: str | None = None,
) -> BarBatch:
    """A batch of these bars. A column of dividends or splits without any is left out.

    With `gives_splits` the column of splits is always included: the source reports splits, so 1 means no split.
    """
    return BarBatch(
        ticker=ticker,
        source=source,
        as_of=as_of,
        as_of_time=as_of_time,
        date=list(_iso_dates(bars.day.tobytes())),
        open=bars.open.tolist(),
        high=bars.high.tolist(),
        low=bars.low.tolist(),
        close=bars.close.tolist(),
        volume=bars.volume.tolist(),
        dividend=bars.dividend.tolist() if bars.dividend.any() else None,
        split=bars.split.tolist() if gives_splits or (bars.split != 1.0).any() else None,
        currency=currency,
    )


@lru_cache(maxsize=64)  # the tickers of an exchange have the same dates: a third of the time of making a batch
def _iso_dates(days: bytes) -> tuple[str, ...]:
    """ISO dates of day numbers, given as the bytes of their int32 array."""
    return tuple(np.datetime_as_string(np.frombuffer(days, np.int32).astype("datetime64[D]")).tolist())


def is_fetched_too_late(batch: BarBatch, today: dt.date) -> bool:
    """Whether the batch claims to be fetched in the future: its publisher's clock is wrong, and the batch is refused.

    Its bars would count as the newest edition until that day. One day is allowed for time zones and clocks.
    """
    return (batch.as_of - today).days > 1


def bar_batch_schema() -> dict[str, Any]:
    """The JSON Schema of a BarBatch, for publishers in other languages."""
    schema = msgspec.json.schema(BarBatch)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
