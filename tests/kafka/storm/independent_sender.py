"""`python -m tests.kafka.storm.independent_sender`: sends its deliveries with aiokafka, plainly and in transactions.

It knows of the project nothing but the schema of its messages and its partitioner.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from aiokafka import AIOKafkaProducer

from tests.kafka.storm import wire
from tests.kafka.storm.market import Delivery
from tests.kafka.storm.sending import Schedule, read_deliveries

PAUSE_SECONDS = 0.3
#: Seconds between two transactions; each leaves a mark in every partition that it wrote to.
TRANSACTION_SECONDS = 4.0
#: Longer than any outage.
PATIENCE_SECONDS = 90.0


async def main(
    bootstrap: str, topic: str, transactional_id: str, deliveries: str, notes: str, began: str, seconds: str
) -> None:
    """Send every message when it is due, until all are acknowledged. Any failure ends the process."""
    mine = [one for one in read_deliveries(Path(deliveries)) if one.channel in (wire.INDEPENDENT, *wire.TRANSACTIONS)]
    schedule = Schedule(mine, Path(notes), began=float(began), seconds=float(seconds))
    options = {"bootstrap_servers": bootstrap, "request_timeout_ms": 20_000, "retry_backoff_ms": 200}
    plain = AIOKafkaProducer(**options, enable_idempotence=True, linger_ms=5)
    whole = AIOKafkaProducer(**options, transactional_id=transactional_id)
    async with plain, whole:
        collected: list[Delivery] = []
        last = time.monotonic()
        while schedule.waiting or collected:
            due = schedule.due()
            free = [one for one in due if one.channel == wire.INDEPENDENT]
            await asyncio.wait_for(_send(plain, topic, free), PATIENCE_SECONDS)
            schedule.acknowledged(free)
            collected += [one for one in due if one.channel in wire.TRANSACTIONS]
            if collected and (time.monotonic() - last > TRANSACTION_SECONDS or not schedule.waiting):
                for channel in wire.TRANSACTIONS:
                    group = [one for one in collected if one.channel == channel]
                    if group:
                        await asyncio.wait_for(_transact(whole, topic, group), PATIENCE_SECONDS)
                        schedule.acknowledged(group)
                collected, last = [], time.monotonic()
            await asyncio.sleep(PAUSE_SECONDS)


async def _send(producer: AIOKafkaProducer, topic: str, deliveries: list[Delivery]) -> None:
    sent = [await producer.send(topic, key=one.key, value=one.value, partition=one.partition) for one in deliveries]
    await asyncio.gather(*sent)


async def _transact(producer: AIOKafkaProducer, topic: str, group: list[Delivery]) -> None:
    """A transaction: committed, or aborted on purpose after all writes."""
    await producer.begin_transaction()
    await _send(producer, topic, group)
    await (producer.abort_transaction() if group[0].channel == wire.ABORTED else producer.commit_transaction())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
