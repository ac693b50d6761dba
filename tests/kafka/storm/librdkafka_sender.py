"""`python -m tests.kafka.storm.librdkafka_sender`: as `independent_sender`, with librdkafka, which most languages use."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer

from tests.kafka.storm import wire
from tests.kafka.storm.independent_sender import PATIENCE_SECONDS, PAUSE_SECONDS, TRANSACTION_SECONDS
from tests.kafka.storm.market import Delivery
from tests.kafka.storm.sending import Schedule, read_deliveries


def main(bootstrap: str, topic: str, transactional_id: str, deliveries: str, notes: str, began: str, seconds: str) -> None:
    """Send every message when it is due, until all are acknowledged. Any failure ends the process."""
    mine = [one for one in read_deliveries(Path(deliveries)) if one.channel in (wire.INDEPENDENT, *wire.TRANSACTIONS)]
    schedule = Schedule(mine, Path(notes), began=float(began), seconds=float(seconds))
    options = {"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 5, "log_level": 2}
    plain = Producer(options | {"enable.idempotence": True})
    whole = Producer(options | {"transactional.id": transactional_id})
    whole.init_transactions(PATIENCE_SECONDS)
    collected: list[Delivery] = []
    last = time.monotonic()
    while schedule.waiting or collected:
        due = schedule.due()
        free = [one for one in due if one.channel == wire.INDEPENDENT]
        _send(plain, topic, free)
        schedule.acknowledged(free)
        collected += [one for one in due if one.channel in wire.TRANSACTIONS]
        if collected and (time.monotonic() - last > TRANSACTION_SECONDS or not schedule.waiting):
            for channel in wire.TRANSACTIONS:
                group = [one for one in collected if one.channel == channel]
                if group:
                    _transact(whole, topic, group)
                    schedule.acknowledged(group)
            collected, last = [], time.monotonic()
        time.sleep(PAUSE_SECONDS)


def _send(producer: Producer, topic: str, deliveries: list[Delivery]) -> None:
    """Send, and wait for the acknowledgement of each message."""
    acknowledged = 0

    def reported(error: KafkaError | None, _message: Message) -> None:
        nonlocal acknowledged
        if error is not None:
            raise RuntimeError(f"not delivered: {error}")
        acknowledged += 1

    for one in deliveries:
        producer.produce(topic, key=one.key, value=one.value, partition=one.partition, on_delivery=reported)
    producer.flush(PATIENCE_SECONDS)
    if acknowledged != len(deliveries):
        raise RuntimeError(f"{len(deliveries) - acknowledged} messages without an acknowledgement")


def _transact(producer: Producer, topic: str, group: list[Delivery]) -> None:
    """A transaction: committed, or aborted on purpose after all writes."""
    producer.begin_transaction()
    _send(producer, topic, group)
    if group[0].channel == wire.ABORTED:
        producer.abort_transaction(PATIENCE_SECONDS)
    else:
        producer.commit_transaction(PATIENCE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
