"""The plan of a round from its seed: sizes, messages, and faults with their times."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, replace
from typing import Final

from tests.kafka.storm import wire
from tests.kafka.storm.market import Delivery, deliveries

#: Kind of fault → its weight in the draw. Faults that take long, or stop everything, have less weight.
WEIGHTS: Final = {
    "kill": 14.0,
    "term": 8.0,
    "freeze": 6.0,
    "long-freeze": 5.0,
    "pool": 6.0,
    "forkserver": 3.0,
    "broker": 5.0,
    "long-broker": 1.0,
    "rolling": 4.0,
    "burst": 4.0,
    "scale-up": 5.0,
    "scale-down": 5.0,
    "leave": 3.0,
    "wipe": 6.0,
    "damage": 10.0,
    "live-damage": 3.0,
    "backup": 3.0,
    "mixed": 1.5,
    "duplicate": 4.0,
    "offsets": 2.0,
    "rebuild": 1.5,
    "producer": 6.0,
    "replica": 3.0,
    "reader": 2.0,
    "clock": 5.0,
    "clock-jump": 3.0,
}
#: Seconds before the first fault, so that bars flow.
_FIRST_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. `at` is in seconds from the beginning of the round; `draws` are the random numbers for its injection."""

    at: float
    kind: str
    draws: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole round. `today` is the day of the newest bars."""

    seed: int
    today: dt.date
    seconds: float
    workers: int
    most_workers: int
    partitions: int
    deliveries: tuple[Delivery, ...]
    faults: tuple[Fault, ...]
    #: Whether the HTTP service runs through the storm.
    serve: bool
    #: Which program is the independent client.
    client: str


def draw_plan(
    seed: int,
    *,
    today: dt.date,
    seconds: float,
    workers: tuple[int, int],
    every: tuple[float, float],
    kinds: dict[str, float] = WEIGHTS,
    transactions: bool = True,
    tickers: int | None = None,
) -> Plan:
    """The plan of a seed: the same for the same arguments. The seed decides the number of tickers, too, if it is left out."""
    rng = random.Random(seed)
    partitions = rng.choice((4, 5, 6, 8))
    drawn = rng.randrange(12, 25)
    started = rng.randint(*workers)
    serve = rng.random() < 0.25
    client = rng.choice(("independent_sender", "librdkafka_sender"))
    # Separate random numbers, so that another list of faults leaves the messages the same.
    sent = deliveries(random.Random(f"{seed} market"), today=today, partitions=partitions, tickers=tickers or drawn)
    if not transactions:
        sent = [replace(one, channel=wire.INDEPENDENT) if one.channel in wire.TRANSACTIONS else one for one in sent]
    return Plan(
        seed=seed,
        today=today,
        seconds=seconds,
        workers=started,
        most_workers=workers[1],
        partitions=partitions,
        deliveries=tuple(sent),
        faults=tuple(draw_faults(random.Random(f"{seed} faults"), seconds=seconds, every=every, kinds=kinds)),
        serve=serve,
        client=client,
    )


def draw_faults(rng: random.Random, *, seconds: float, every: tuple[float, float], kinds: dict[str, float]) -> list[Fault]:
    """Faults until the end of the round; none without kinds."""
    faults: list[Fault] = []
    at = min(_FIRST_SECONDS, every[1])
    while kinds and at < seconds:
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        faults.append(Fault(at, kind, tuple(rng.random() for _ in range(8))))
        at += rng.uniform(*every)
    return faults
