"""A foreign producer's tickers that are no daily series in one unit: held back with the reason; the others as without them."""

from __future__ import annotations

import datetime as dt
import json

import msgspec
import numpy as np
import pytest
from kafka import KafkaProducer

from broker.client import client_options
from broker.topics import BARS, ensure_topics, topic_name
from models.serving import HELD_BACK
from records import BarBatch, Bars, batch_of, encode_batch
from tests.kafka.cluster import Cluster
from tests.made.bars import FETCHED, made_bars, scaled, walk
from tests.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BARS_EACH = 300


def weekly() -> Bars:
    """The last bar of each week."""
    bars = walk(5 * BARS_EACH, 5)
    chosen: Bars = bars[(bars.day + 3) % 7 == 4]
    return chosen


def two_series() -> Bars:
    """Two levels under one key, bar by bar."""
    bars = walk(BARS_EACH, 6)
    other = scaled(bars, slice(None), 3.0)
    odd = np.arange(len(bars)) % 2 == 1
    columns = {
        name: np.where(odd, getattr(other, name), getattr(bars, name)) for name in ("open", "high", "low", "close", "dividend")
    }
    return Bars.of(bars.day, **columns, volume=bars.volume)


DOUBTFUL = {
    "THOUSAND": (scaled(walk(BARS_EACH, 7), slice(BARS_EACH - 40, None), 1000.0), "1000 times the close of"),
    "TWOFOLD": (two_series(), "the level jumps to and fro"),
    "WEEKLY": (weekly(), "weekly bars, one every 7 days"),
}
#: Of the other tickers; a symbol as T000 names no currency.
CURRENCIES = {"T001": "GBX", "T002": "EUR", "T003": "Taler"}


def two_currencies() -> list[BarBatch]:
    """The last message is in another currency than those before."""
    *before, last = foreign("MIXED", walk(BARS_EACH, 8))
    return [
        *(msgspec.structs.replace(batch, currency="EUR") for batch in before),
        msgspec.structs.replace(last, currency="usd"),
    ]


def foreign(ticker: str, bars: Bars) -> list[BarBatch]:
    """Messages of 50 bars, as another program sends them: without any check."""
    return [
        batch_of(ticker, bars[at : at + 50], source="elsewhere", as_of=FETCHED, as_of_time=dt.time(12))
        for at in range(0, len(bars), 50)
    ]


def test_doubtful_series_are_held_back_and_leave_the_others_as_they_are(cluster: Cluster) -> None:
    good = [msgspec.structs.replace(b, currency=CURRENCIES.get(b.ticker)) for b in made_bars(6, BARS_EACH, size=50)]
    bad = [batch for ticker, (bars, _) in DOUBTFUL.items() for batch in foreign(ticker, bars)] + two_currencies()
    everything = sorted([*good, *bad], key=lambda batch: batch.ticker)
    rows, _ = cluster.embedded(everything)
    settings = cluster.settings()
    ensure_topics(settings)
    worker = cluster.start()
    producer = KafkaProducer(**client_options(settings))
    try:
        for batch in sorted(everything, key=lambda batch: (batch.date[0], batch.ticker)):
            value = json.dumps(json.loads(encode_batch(batch))).encode()  # as a program in another language writes it
            producer.send(topic_name(settings, BARS), key=batch.ticker.encode(), value=value)
        producer.flush(timeout=PATIENCE_SECONDS)
    finally:
        producer.close(timeout=PATIENCE_SECONDS)
    cluster.await_rows(rows)
    found = {row.ticker: row for row in rows}
    for ticker, (_, reason) in DOUBTFUL.items():
        assert [step.model for step in found[ticker].fallbacks] == [HELD_BACK]
        assert reason in found[ticker].fallbacks[0].reason
        assert found[ticker].annual_volatility is None
    assert [step.model for step in found["MIXED"].fallbacks] == [HELD_BACK]
    assert "are in EUR, from" in found["MIXED"].fallbacks[0].reason
    served = [row for row in rows if row.ticker not in (*DOUBTFUL, "MIXED")]
    assert len(served) == 6
    assert {row.ticker: row.currency for row in served if row.currency} == {"T001": "GBp", "T002": "EUR"}
    assert all(row.fallback is None and row.annual_volatility is not None for row in served)
    assert worker.stop() == 0
