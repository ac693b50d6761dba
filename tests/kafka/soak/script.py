"""The plan of a soak: a round of the storm with these faults, in this order, at even distances."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final, NamedTuple

from tests.kafka.storm.plan import Fault, Plan, draw_plan

#: Enough that some messages come every second for twenty minutes, and a training every other second.
TICKERS: Final = 40
#: Shares of the time in which faults come: not during the backfill, and not at the end, which is the time to compare with.
_BEGIN, _END = 0.08, 0.75


class Step(NamedTuple):
    """A kind of fault; `victim` is its place in the list of workers (0: the first, 1: the last), `size` how long it lasts."""

    kind: str
    victim: float = 0.0
    size: float = 0.0


#: `w1` lives from the beginning to the end, through a freeze, dead training processes, takeovers and a broker that is away.
#: `w2` is killed, stopped, damaged and emptied in the first half: its second half is compared. A third worker comes and goes
#: within the first quarter: the copies of partitions that it leaves are further databases for the readers.
STEPS: Final = (
    Step("pool"),
    Step("scale-up"),
    Step("scale-down"),
    Step("kill", 0.99),
    Step("producer"),
    Step("freeze", size=0.2),
    Step("replica"),
    Step("damage", 0.99),
    Step("term", 0.99),
    Step("wipe", 0.99),
    Step("broker", 0.6),
    Step("long-broker", 0.25),
    Step("forkserver"),
    Step("reader"),
    Step("freeze", 0.99, 0.2),
    Step("pool", 0.99),
)


def soak_plan(seed: int, *, today: dt.date, seconds: float) -> Plan:
    """The plan of a seed: two workers, the HTTP service, faults by the script; the seed decides the market and the messages."""
    plan = draw_plan(seed, today=today, seconds=seconds, workers=(2, 2), every=(1.0, 1.0), kinds={}, tickers=TICKERS)
    gap = (_END - _BEGIN) * seconds / len(STEPS)
    faults = [
        # The first draw chooses the worker, or how long the broker is away; the second one how long a worker is frozen.
        Fault(_BEGIN * seconds + number * gap, step.kind, (step.victim, step.size, *(0.5,) * 6))
        for number, step in enumerate(STEPS)
    ]
    return replace(plan, faults=tuple(faults), most_workers=3, serve=True, client="independent_sender")
