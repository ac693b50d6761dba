"""Messages of the topic `bars`, made from the published schema only, without any code of the project."""

from __future__ import annotations

import json
from typing import Any

#: How a message is sent: by the project's producer, by a client of another library, by that client in a transaction.
#: COMMAND: a whole file of bars, published by the project's command.
COMMAND = "command"
PROJECT, INDEPENDENT, TRANSACTION, ABORTED = "project", "independent", "transaction", "aborted"
TRANSACTIONS = (TRANSACTION, ABORTED)


def value_of(ticker: str, as_of: str, as_of_time: str, rows: list[dict[str, Any]], source: str = "storm") -> bytes:
    """A message's bytes; `rows` are its bars."""
    message: dict[str, Any] = {"schema_version": 1, "ticker": ticker, "source": source}
    message |= {"as_of": as_of, "as_of_time": as_of_time}
    for name in ("date", "open", "high", "low", "close", "volume"):
        message[name] = [row[name] for row in rows]
    for name, nothing in (("dividend", 0.0), ("split", 1.0)):
        values = [row.get(name, nothing) for row in rows]
        if any(value != nothing for value in values):
            message[name] = values
    return json.dumps(message).encode()


def partition_of(key: bytes, partitions: int) -> int:
    """Kafka's default partitioner."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The hash of Kafka's Java client, as an unsigned number of 32 bits."""
    mixing, shift, mask = 0x5BD1E995, 24, 0xFFFFFFFF
    length = len(data)
    hashed = 0x9747B28C ^ length
    whole = length - length % 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * mixing & mask
        word ^= word >> shift
        hashed = (hashed * mixing & mask) ^ (word * mixing & mask)
    if length % 4:
        hashed ^= int.from_bytes(data[whole:], "little")
        hashed = hashed * mixing & mask
    hashed ^= hashed >> 13
    hashed = hashed * mixing & mask
    return hashed ^ hashed >> 15
