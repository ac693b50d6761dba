"""Bad messages, which must become dead letters and affect no other message."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.kafka.storm import wire
from tests.kafka.storm.market import FILED, LONG, Delivery

Message = dict[str, Any]


def poison(rng: random.Random, good: list[Delivery], partitions: int) -> list[Delivery]:
    """Each kind once or twice, made from good messages, with values that would show if they were used."""
    made: list[Delivery] = []
    good = [one for one in good if one.ticker not in (FILED, LONG)]
    for kind in [*_KINDS, *rng.sample(_KINDS, len(_KINDS) // 2)]:
        model = rng.choice(good)
        plain = json.loads(model.value or b"")
        wrong = {name: [11.0 for _ in plain["date"]] for name in ("open", "high", "low", "close")}
        # With the latest fetch time, so that a bar that is used by mistake counts.
        wild = plain | wrong | {"as_of_time": "23:59:59", "source": f"poison {len(made)}"}
        key, value, partition = kind(wild, model, partitions)
        at = rng.uniform(0.05, 0.95)
        made.append(Delivery(0, at, wire.INDEPENDENT, model.ticker, key, value, partition, good=False, dead=True))
    made += [_half_good(rng, rng.choice(good)) for _ in range(3)]
    return made


def _half_good(rng: random.Random, model: Delivery) -> Delivery:
    """A good message with an additional invalid bar: the other bars count, and the message becomes a dead letter, too."""
    plain = json.loads(model.value or b"")
    for name, values in plain.items():
        if isinstance(values, list):
            values.append("not a date" if name == "date" else values[-1])
    at = rng.uniform(model.at, 0.99)
    return Delivery(0, at, wire.INDEPENDENT, model.ticker, model.key, _bytes(plain), model.partition, good=True, dead=True)


def _bytes(message: Message) -> bytes:
    return json.dumps(message).encode()


def _no_message(message: Message, model: Delivery, _partitions: int) -> tuple[bytes | None, bytes | None, int]:
    return model.key, b"\xff\xfe{ " + message["source"].encode(), model.partition


def _wrong_key(message: Message, model: Delivery, _partitions: int) -> tuple[bytes | None, bytes | None, int]:
    return b"NOBODY", _bytes(message), model.partition


def _no_key(message: Message, model: Delivery, _partitions: int) -> tuple[bytes | None, bytes | None, int]:
    return None, _bytes(message), model.partition


def _wrong_partition(message: Message, model: Delivery, partitions: int) -> tuple[bytes | None, bytes | None, int]:
    return model.key, _bytes(message), (model.partition + 1) % partitions


def _impossible(message: Message, model: Delivery, _partitions: int) -> tuple[bytes | None, bytes | None, int]:
    return model.key, _bytes(message | {"high": [1.0 for _ in message["date"]]}), model.partition


def _missing(message: Message, model: Delivery, _partitions: int) -> tuple[bytes | None, bytes | None, int]:
    return model.key, _bytes(message | {"close": [None for _ in message["date"]]}), model.partition


def _future_bar(message: Message, model: Delivery, _partitions: int) -> tuple[bytes | None, bytes | None, int]:
    dates = [f"29{number % 90 + 10}-01-07" for number, _ in enumerate(message["date"])]
    return model.key, _bytes(message | {"date": dates}), model.partition


def _future_fetch(message: Message, model: Delivery, _partitions: int) -> tuple[bytes | None, bytes | None, int]:
    return model.key, _bytes(message | {"as_of": "2999-01-07"}), model.partition


def _newer_schema(message: Message, model: Delivery, _partitions: int) -> tuple[bytes | None, bytes | None, int]:
    return model.key, _bytes(message | {"schema_version": 99}), model.partition


def _nothing(_message: Message, model: Delivery, _partitions: int) -> tuple[bytes | None, bytes | None, int]:
    return model.key, None, model.partition


_KINDS: list[Callable[[Message, Delivery, int], tuple[bytes | None, bytes | None, int]]] = [
    _no_message,
    _wrong_key,
    _no_key,
    _wrong_partition,
    _impossible,
    _missing,
    _future_bar,
    _future_fetch,
    _newer_schema,
    _nothing,
]
