"""The Faust worker on a real broker: backfill, catch-up of single bars, latency of a live bar, memory and loop lag."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiokafka
import numpy as np

from benchmarks.bars import data_name, histories
from benchmarks.worker import await_committed, await_count, await_trained, health_page, memory_megabytes, running_worker
from broker.local.start import local_broker
from broker.ports import free_port
from broker.topics import BARS, ensure_topics, topic_name
from errors import BrokerError
from producers.delivery import Delivery, Message
from producers.publish import publish
from records import BarBatch, Bars, batch_of, decode_batch, encode_batch
from settings import Settings, load_settings
from state.readers import ForecastReader

#: The last days of every ticker are single bars: this many at once, then one by one.
_CATCH_UP_DAYS: Final = 20
_LIVE_BARS: Final = 200


def run() -> Iterator[dict[str, Any]]:
    """Rows of one broker and one worker, each beside a bare consumer that only decodes the same messages."""
    whole = histories(minimum=300)
    with tempfile.TemporaryDirectory() as folder, local_broker(load_settings()) as (bootstrap, _):
        settings = load_settings(
            kafka_bootstrap=bootstrap, state_dir=Path(folder), worker_port=free_port(), kafka_prefix="bench-"
        )
        ensure_topics(settings)
        parts = [
            _batch(ticker, bars[start : min(start + 250, len(bars) - _CATCH_UP_DAYS - 1)])
            for ticker, bars in whole.items()
            for start in range(0, len(bars) - _CATCH_UP_DAYS - 1, 250)
        ]
        publish(settings, parts, resend=True)
        bare = asyncio.run(_decode_only(settings, len(parts)))
        with running_worker(settings) as process:
            rate = await_count(settings, "bars", sum(len(part.date) for part in parts))
            yield _row("backfill, 250 bars per message", "bars_per_second", rate, bare[0], ">= 150000 per worker", len(whole))
            await_committed(settings)
        singles = [
            _batch(ticker, bars[len(bars) + day : len(bars) + day + 1])
            for day in range(-_CATCH_UP_DAYS - 1, -1)
            for ticker, bars in whole.items()
        ]
        publish(settings, singles, resend=True)
        with running_worker(settings) as process:
            rate = await_count(settings, "messages", len(singles))
            yield _row("catch-up, 1 bar per message", "messages_per_second", rate, None, ">= 6000", len(whole))
            time.sleep(20)  # trainings are under way: the loop's lag is that beside them
            page = health_page(settings)
            yield {
                "benchmark": "worker while training",
                "trained": page["trained"],
                "loop_lag_ms": page["loop_lag_ms"],
                "aim": "< 50 ms; <= 300 MB",
                "rss_mb": round(memory_megabytes(process)),
            }
            await_trained(settings)
            yield from _latency(settings, [_batch(ticker, bars[len(bars) - 1 :]) for ticker, bars in whole.items()])


def _latency(settings: Settings, last: Sequence[BarBatch]) -> Iterator[dict[str, Any]]:
    chosen = last[:_LIVE_BARS]
    taken: list[float] = []
    with ForecastReader(settings.state_dir, refresh_seconds=0.002) as reader, Delivery(settings) as delivery:
        for batch in chosen:
            started = time.perf_counter()
            delivery.send(Message(topic_name(settings, BARS), batch.ticker.encode(), encode_batch(batch)))
            while (row := reader.get(batch.ticker)) is None or row.as_of.isoformat() != batch.date[-1]:
                if time.perf_counter() - started > 30:
                    raise BrokerError(f"{batch.ticker}: no forecast of its live bar within 30 s")
            taken.append(time.perf_counter() - started)
    p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1000
    yield {
        "benchmark": "live bar sent → forecast visible in the reader",
        "bars": len(taken),
        "p50_ms": round(float(p50), 1),
        "p99_ms": round(float(p99), 1),
        "aim": "p99 < 100 ms",
    }


def _row(name: str, unit: str, rate: float, bare: float | None, aim: str, tickers: int) -> dict[str, Any]:
    row: dict[str, Any] = {"benchmark": name, "data": data_name(), "tickers": tickers, unit: round(rate), "aim": aim}
    if bare is not None:
        row["bare_consumer_that_decodes"] = round(bare)
        row["ratio_to_bare"] = round(rate / bare, 2)
    return row


async def _decode_only(settings: Settings, messages: int) -> tuple[float, int]:
    consumer = aiokafka.AIOKafkaConsumer(
        topic_name(settings, BARS), bootstrap_servers=settings.kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        seen = bars = 0
        started = time.perf_counter()
        while seen < messages:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                seen += len(records)
                bars += sum(len(decode_batch(record.value).date) for record in records)
        return bars / (time.perf_counter() - started), bars
    finally:
        await consumer.stop()


def _batch(ticker: str, bars: Bars) -> BarBatch:
    return batch_of(ticker, bars, source="bench", as_of=bars.last_date)
