"""What the topic `bars` holds already, so that publishing again sends only what is new or different."""

from __future__ import annotations

import datetime as dt
import logging
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, Final, Self

import numpy as np
from kafka import KafkaConsumer, TopicPartition
from numpy.typing import NDArray

from broker.client import broker_errors, client_options
from broker.topics import BARS, LOG_APPEND_TIME, topic_name
from errors import BrokerError, DataError
from records import MARKET_COLUMNS, BarBatch, decode_batch, is_fetched_too_late, named_currency
from settings import Settings

logger = logging.getLogger(__name__)

#: Odd 64-bit constants, one per column: the fingerprint of a bar's six values, its split apart. A currency changes it.
_MULTIPLIERS: Final = np.array(
    [
        0x9E3779B97F4A7C15,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0xD6E8FEB86659FD93,
        0xFF51AFD7ED558CCD,
        0xC4CEB9FE1A85EC53,
    ],
    dtype=np.uint64,
)
_COLUMNS: Final = (*MARKET_COLUMNS, "dividend")
_QUIET_MS: Final = 15_000
#: No bar's fingerprint: which of two editions of one moment counts is for their readers to say, by values that are not kept.
_UNDECIDED: Final = -1
#: When a bar was fetched (`BarBatch.fetched`), and the fingerprint of its values.
_Edition = tuple[float, int]
#: When an edition that speaks of splits was fetched, and the split that it gives.
_Split = tuple[float, float]
_UNSAID: Final[_Split] = (-math.inf, 1.0)
#: Of a date on the topic the edition that counts, and the last split.
_Held = tuple[float, int, float, float]


class PublishedBars:
    """The editions of every bar on the topic, as fingerprints: of each date the edition that counts, and the others.

    Of two that were fetched at the same moment neither is taken to count, so that what a later fetch says is sent.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[str, _Held]] = {}
        self._not_counting: set[tuple[str, str, _Edition]] = set()

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """Read the topic from its beginning to what is now its end. Raises BrokerError."""
        published = cls()
        for value, taken in _messages(settings):
            try:
                batch = decode_batch(value)
                if taken is None or not is_fetched_too_late(batch, taken.date()):  # else the workers refuse it
                    published.add(batch, taken=taken)
            except DataError:
                continue  # not ours to judge: the workers refuse it, with a reason
        return published

    def add(self, batch: BarBatch, *, taken: dt.datetime | None = None) -> None:
        """Take note of a batch on the topic, without the bars that workers refuse: of later dates than the broker took it."""
        last = None if taken is None else taken.date().isoformat()
        held = self._held.setdefault(batch.ticker, {})
        for date, edition, split in zip(batch.date, _editions(batch), _splits(batch), strict=True):
            if last is not None and date > last:
                continue
            if (other := held.get(date)) is None:
                held[date] = edition + split
            elif other != edition + split:
                counting = self._counting(batch.ticker, date, other[:2], edition)
                held[date] = counting + max(split, other[2:], key=_rank)

    def _counting(self, ticker: str, date: str, held: _Edition, other: _Edition) -> _Edition:
        if held == other:
            return held
        older, newer = sorted((held, other))
        self._not_counting.add((ticker, date, older))
        if older[0] == newer[0]:
            self._not_counting.add((ticker, date, newer))
            return newer[0], _UNDECIDED
        return newer

    def missing(self, batch: BarBatch) -> list[int]:
        """Rows of the batch of which the topic holds neither the same counting values nor the same edition.

        And those whose split differs from the last split on the topic.
        """
        held = self._held.get(batch.ticker, {})
        return [
            row
            for row, (date, edition, split) in enumerate(zip(batch.date, _editions(batch), _splits(batch), strict=True))
            if (other := held.get(date)) is None
            or (other[1] != edition[1] and (batch.ticker, date, edition) not in self._not_counting)
            or (other[3] != split[1] and _rank(split) > _rank(other[2:]))
        ]

    def count_known(self, batch: BarBatch, rows: Sequence[int]) -> int:
        """How many of these rows the topic holds with other values."""
        known = self._held.get(batch.ticker, {})
        return sum(batch.date[row] in known for row in rows)

    def last_dates(self) -> dict[str, dt.date]:
        """The date of each ticker's newest bar; what is no date is passed over, as the workers refuse it."""
        newest = ((ticker, max(filter(_is_date, dates), default=None)) for ticker, dates in self._held.items())
        return {ticker: dt.date.fromisoformat(date) for ticker, date in newest if date is not None}


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _rank(split: _Split) -> tuple[float, float, float]:
    """By which workers take a split for the last split (`history.splits`): of one moment the split farther from 1."""
    moment, ratio = split
    return moment, max(ratio, 1.0 / ratio), ratio


def _editions(batch: BarBatch) -> Iterator[_Edition]:
    return zip(repeat(batch.fetched), _fingerprints(batch).tolist(), strict=False)


def _splits(batch: BarBatch) -> Iterable[_Split]:
    """The split of each bar; _UNSAID where the batch does not say, or says what workers refuse."""
    if batch.split is None:
        return repeat(_UNSAID, len(batch.date))
    fetched = batch.fetched
    return ((fetched, split) if split is not None and split > 0 else _UNSAID for split in batch.split)


def _fingerprints(batch: BarBatch) -> NDArray[np.uint64]:
    rows = len(batch.date)
    values = np.array([getattr(batch, name) or [0.0] * rows for name in _COLUMNS], dtype=np.float64)
    bits = values.reshape(len(_COLUMNS), rows).view(np.uint64)
    mixed = (bits ^ (bits >> np.uint64(29))) * _MULTIPLIERS[:, np.newaxis]
    marks: NDArray[np.uint64] = np.bitwise_xor.reduce(mixed ^ (mixed >> np.uint64(32)), axis=0)
    code = None if batch.currency is None else named_currency(batch.currency)
    return marks if code is None else marks ^ np.uint64(zlib.crc32(code.encode()))


def _taken(message: Any) -> dt.datetime | None:
    if message.timestamp_type != LOG_APPEND_TIME:
        return None
    return dt.datetime.fromtimestamp(message.timestamp / 1000, dt.UTC)


def _messages(settings: Settings) -> Iterator[tuple[bytes, dt.datetime | None]]:
    """The values on the topic, each with the moment at which the broker took it, if it says so."""
    name = topic_name(settings, BARS)
    with broker_errors(settings):
        consumer = KafkaConsumer(
            **client_options(settings),
            group_id=None,
            enable_auto_commit=False,
            max_poll_records=5000,
            fetch_max_bytes=64 * 1024 * 1024,
            max_partition_fetch_bytes=settings.kafka_message_bytes,
        )
        try:
            partitions = [TopicPartition(name, number) for number in range(settings.kafka_partitions)]
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            consumer.seek_to_beginning(*partitions)
            while any(consumer.position(partition) < ends[partition] for partition in partitions):
                records = consumer.poll(timeout_ms=_QUIET_MS)
                if not records:
                    raise BrokerError(f"{settings.kafka_bootstrap}: nothing came from topic {name} for {_QUIET_MS // 1000} s")
                for messages in records.values():
                    for message in messages:
                        if message.value is not None:
                            yield message.value, _taken(message)
        finally:
            consumer.close()
