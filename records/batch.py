"""BarBatch: the message on the topic `bars`, one or more daily bars of one ticker."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from errors import MessageError, SchemaError
from records.bars import Bars, day_number
from records.tickers import TICKER_PATTERN, is_ticker

BAR_BATCH_VERSION: Final = 1
#: A message holds at most this many bars: 40 years of days; anything longer is a mistake or an attack.
MAX_BARS_PER_BATCH: Final = 10_080
_DAY_SECONDS: Final = 86_400

Column = Annotated[list[float | None], msgspec.Meta(max_length=MAX_BARS_PER_BATCH)]
TickerText = Annotated[str, msgspec.Meta(pattern=TICKER_PATTERN, description="Canonical symbol, upper case")]


class BarBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """One or more daily bars of one ticker, as columns of equal length; the message's key is the ticker.

    A live day is a batch of one, a backfill some hundred per message. Prices are as the exchange printed them up to
    splits (adjusted for those known at `as_of`), dividends apart; a source that only knows adjusted prices sends those
    and no dividends. A null or impossible value costs its own bar, never the batch.
    """

    schema_version: Annotated[int, msgspec.Meta(ge=1)] = BAR_BATCH_VERSION
    ticker: TickerText
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=64, description="Who published it: sample, file, yfinance, …")]
    as_of: Annotated[dt.date, msgspec.Meta(description="The day on which the bars were fetched, or their file was written")]
    as_of_time: Annotated[
        dt.time, msgspec.Meta(tz=False, description="The time of that day, UTC: of two editions of a bar the later one counts")
    ] = dt.time()
    date: Annotated[list[str], msgspec.Meta(max_length=MAX_BARS_PER_BATCH, description="ISO dates, YYYY-MM-DD")]
    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column
    dividend: Annotated[Column | None, msgspec.Meta(description="Currency per share on its ex-date, 0 where none")] = None
    split: Annotated[
        Column | None,
        msgspec.Meta(
            description="New shares per old one on its date, 1 where none. Leave the column out if the source does not know of "
            "splits: a split that was given for these bars before then stays"
        ),
    ] = None

    @property
    def fetched(self) -> float:
        """When the bars were fetched, in days since 1970-01-01, UTC: a day number, and the part of the day that had passed."""
        time = self.as_of_time
        return day_number(self.as_of) + (3600 * time.hour + 60 * time.minute + time.second) / _DAY_SECONDS


_decoder = msgspec.json.Decoder(BarBatch)
_encoder = msgspec.json.Encoder()


class _Version(msgspec.Struct):
    schema_version: int = BAR_BATCH_VERSION


_version_decoder = msgspec.json.Decoder(_Version)


def decode_batch(payload: bytes, key: bytes | None = None) -> BarBatch:
    """The batch in a message, checked for shape: types, version, equal lengths, and `key` (if given) equal to the ticker.

    The bars themselves are checked by `records.validation`. Raises MessageError or SchemaError with the reason.
    """
    try:
        batch = _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _refuse_newer(payload)
        raise MessageError(f"not a BarBatch: {error}") from error
    except RecursionError as error:
        raise MessageError("not a BarBatch: nested too deeply") from error
    if batch.schema_version > BAR_BATCH_VERSION:
        _refuse_newer(payload)
    if not is_ticker(batch.ticker):  # the schema's pattern lets a line break at the end and the words of headers through
        raise MessageError(f"{batch.ticker!r:.60} is not a ticker")
    if key is not None and key != batch.ticker.encode():
        raise MessageError(f"{batch.ticker}: the message's key is {key[:40]!r}; key every message by its ticker")
    n = len(batch.date)
    for name in ("open", "high", "low", "close", "volume", "dividend", "split"):
        column = getattr(batch, name)
        if column is not None and len(column) != n:
            raise MessageError(f"{batch.ticker}: column {name} has {len(column)} values for {n} dates")
    return batch


def _refuse_newer(payload: bytes) -> None:
    try:
        version = _version_decoder.decode(payload).schema_version
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    if version > BAR_BATCH_VERSION:
        raise SchemaError(
            f"BarBatch of schema version {version}; this process knows up to {BAR_BATCH_VERSION}: upgrade it first"
        )


def encode_batch(batch: BarBatch) -> bytes:
    """The message's bytes (JSON)."""
    return _encoder.encode(batch)


def batch_of(
    ticker: str,
    bars: Bars,
    *,
    source: str,
    as_of: dt.date,
    as_of_time: dt.time = dt.time(),
    gives_splits: bool = False,
) -> BarBatch:
    """A batch of these bars; dividends are left out where there are none.

    So are splits, unless `gives_splits`: the source knows of splits, and says of the other bars that there was none.
    """
    return BarBatch(
        ticker=ticker,
        source=source,
        as_of=as_of,
        as_of_time=as_of_time,
        date=np.datetime_as_string(bars.day.astype("datetime64[D]")).tolist(),
        open=bars.open.tolist(),
        high=bars.high.tolist(),
        low=bars.low.tolist(),
        close=bars.close.tolist(),
        volume=bars.volume.tolist(),
        dividend=bars.dividend.tolist() if bars.dividend.any() else None,
        split=bars.split.tolist() if gives_splits or (bars.split != 1.0).any() else None,
    )


def not_after(batch: BarBatch, taken: dt.datetime) -> BarBatch:
    """The batch, fetched no later than when Kafka took it (UTC).

    Nobody can have fetched later what was there already: the publisher's clock is ahead. Without this its bars would be refused
    for good, or count as the newest edition for years. A day is left for clocks and time zones.
    """
    if (batch.as_of - taken.date()).days <= 1:
        return batch
    return msgspec.structs.replace(batch, as_of=taken.date(), as_of_time=taken.time().replace(microsecond=0))


def bar_batch_schema() -> dict[str, Any]:
    """The JSON Schema of a BarBatch, for publishers in other languages."""
    schema = msgspec.json.schema(BarBatch)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
