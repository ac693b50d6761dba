"""Messages in an agent's queue, without a broker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from faust.types import TP

from streams.kafka.consuming.deliveries import Deliveries, Fetched
from streams.kafka.consuming.membership import Membership

BARS = TP("bars", 0)

Simple: Any = SimpleNamespace


def active() -> Membership:
    membership = Membership(10.0)
    membership.activate(membership.epoch, {BARS})
    return membership


def reading(membership: Membership, start: int, end: int) -> tuple[Deliveries, list[Any]]:
    """Deliveries whose agent's queue has the messages from `start` to `end`."""
    deliveries = Deliveries(membership, shared={"bars"})
    deliveries.restart({BARS: start}, membership.epoch)
    return deliveries, handed(deliveries, membership, start, end)


def handed(deliveries: Deliveries, membership: Membership, start: int, end: int) -> list[Any]:
    records = [Simple(offset=offset) for offset in range(start, end)]
    wanted = deliveries.fetched({BARS: Fetched(start, records, end)}).get(BARS, [])
    for record in wanted:
        deliveries.handed(BARS, record.offset)
    deliveries.handed_all()
    epoch = membership.epoch
    return [
        Simple(value=b"", key=b"A", message=Simple(tp=BARS, offset=record.offset, partition=0, generation_id=epoch))
        for record in wanted
    ]
