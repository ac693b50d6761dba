"""Arbitrary bytes and mutated messages through decoding and the pipeline, for as long as one likes.

`make fuzz SECONDS=600`, or `python -m tests.history.fuzz --seconds 600 --seed 1`. What breaks a promise ends it with the
message's bytes, to be made a test of.
"""

from __future__ import annotations

import datetime as dt
import random
import resource
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np

from errors import DataError
from history.pipeline import Absorbed, absorb
from history.schedule import kept_bars
from history.ticker_state import BLOCK_BARS, TickerState, same_state
from records import decode_batch, encode_batch
from settings import Settings
from tests.made.bars import batch, walk

TODAY = dt.date(2026, 1, 2)
SMALL = Settings(lookback=126, minimum_bars=126, history_bars=400)
TICKERS = ("AAA", "BBB", "CCC")
#: What stands in JSON where it should not.
NASTY = [
    "null", "true", "-1", "0", "-0.0", "1e308", "1e-308", "1e400", "NaN", "Infinity", "-Infinity", "9" * 400, "1e-7", "1e9",
    "1e15", '""', '"x"', '"2025-01-01"', '"2025-02-30"', '"0001-01-01"', '"9999-12-31"', '"\\u0000"', '"\\ud800"', "[]", "{}",
    "[[]]", "[" * 2000, '{"a":' * 2000, "[null]", '[1,2,3]', '"AAA\\n"', '"TICKER"', "2", "1.0000001", "4", "0.5",
]  # fmt: skip


@dataclass
class Fuzz:
    """One run; `failures` says why something was refused, and how often."""

    seed: int
    states: dict[str, TickerState | None] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.history = walk(700, self.seed % 1000)

    def step(self) -> None:
        """One message. Raises AssertionError, or whatever escaped that must not."""
        payload = self.message()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # an overflow somewhere is a number that was not checked
                self.deliver(payload)
        except Exception as error:
            error.add_note(f"seed {self.seed}, message {payload[:2000]!r}")
            raise

    def deliver(self, payload: bytes) -> None:
        try:
            message = decode_batch(payload)
        except DataError as error:
            self.outcomes[f"refused: {type(error).__name__}"] += 1
            return
        ticker = message.ticker
        before = self.states.get(ticker)
        after, outputs = absorb(before, message, today=TODAY, settings=SMALL)
        (report,) = [output for output in outputs if isinstance(output, Absorbed)]
        if report.changed_from is None:
            self.outcomes["nothing taken"] += 1
            assert (before is None) == (after is None)
            assert before is None or after is None or same_state(before, after), "a refused message changed the state"
        else:
            self.outcomes["taken"] += 1
        if after is not None:
            check(after)
            again, _ = absorb(after, message, today=TODAY, settings=SMALL)
            assert again is not None
            assert same_state(again, after), "a message taken twice is not as if taken once"
            if ticker in TICKERS:
                self.states[ticker] = None if self.random.random() < 0.02 else after

    def message(self) -> bytes:
        choice = self.random.random()
        if choice < 0.05:
            return self.random.randbytes(self.random.randrange(200))
        payload = self.plain()
        if choice < 0.25:
            return payload
        for _ in range(self.random.choice([1, 1, 1, 2, 5])):
            payload = self.damaged_values(payload) if choice < 0.7 else self.damaged_bytes(payload)
        return payload

    def plain(self) -> bytes:
        """A good message: some bars of an edition, perhaps with a split or all prices by a factor."""
        first = self.random.randrange(len(self.history))
        part = self.history[first : first + self.random.choice([1, 1, 5, 60, 250])]
        message = batch(
            part, ticker=self.random.choice(TICKERS), as_of=dt.date(2025, 1, 1) + dt.timedelta(self.random.randrange(360))
        )
        changes: dict[str, Any] = {}
        if self.random.random() < 0.3:
            changes["split"] = [1.0] * len(message.date)
        if self.random.random() < 0.1:
            changes["split"] = [self.random.choice([1.0, 1.0, 1.0, 2.0, 0.1]) for _ in message.date]
        if self.random.random() < 0.1:
            factor = self.random.choice([0.5, 3.0, 100.0])
            changes |= {name: [factor * value for value in getattr(message, name)] for name in ("open", "high", "low", "close")}
            changes["volume"] = [(value or 0.0) / factor for value in message.volume]
        if self.random.random() < 0.3:
            changes["currency"] = self.random.choice(["EUR", "USD", "GBX", "GBp", "", "no such"])
        return encode_batch(msgspec.structs.replace(message, **changes))

    def damaged_values(self, payload: bytes) -> bytes:
        """One value, column or key of the JSON put in place of another, shortened or repeated."""
        try:
            columns = msgspec.json.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self.damaged_bytes(payload)
        if not isinstance(columns, dict) or not columns:
            return payload
        name = self.random.choice(list(columns))
        value = columns[name]
        nasty = msgspec.Raw(self.random.choice(NASTY).encode())
        match value:
            case list() if value and self.random.random() < 0.8:
                at = self.random.randrange(len(value))
                how = self.random.randrange(4)
                columns[name] = [
                    [*value[:at], nasty, *value[at + 1 :]],
                    value[:at],
                    [*value, value[at]],
                    [*value[:at], value[self.random.randrange(len(value))], *value[at + 1 :]],
                ][how]
            case _ if self.random.random() < 0.2:
                del columns[name]
            case _:
                columns[name] = nasty
        return msgspec.json.encode(columns)

    def damaged_bytes(self, payload: bytes) -> bytes:
        at, to = sorted(self.random.randrange(len(payload) + 1) for _ in range(2))
        return [
            payload[:at] + self.random.randbytes(1) + payload[at + 1 :],
            payload[:at] + payload[to:],
            payload[:to] + payload[at:],
            payload[:at],
            payload[:at] + self.random.choice(NASTY).encode() + payload[at:],
        ][self.random.randrange(5)]


def check(state: TickerState) -> None:
    """What holds of every state, whatever came."""
    bars = state.bars
    assert (np.diff(bars.day) > 0).all()
    assert len(bars) == len(state.fetched) < kept_bars(SMALL) + BLOCK_BARS
    assert state.first_index % BLOCK_BARS == 0
    assert len(state.snapshots) == -(-len(bars) // BLOCK_BARS)
    for name in ("open", "high", "low", "close"):
        assert (getattr(bars, name) > 0).all(), name
        assert np.isfinite(getattr(bars, name)).all(), name


def resident_megabytes() -> float:
    """Memory of this process now; its peak where the system does not tell."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


@click.command()
@click.option("--seconds", default=600.0, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(seconds: float, seed: int) -> None:
    """Fuzz for so long; prints what became of the messages, the memory at the beginning and the end, and the speed.

    That is stated per second of the processor: on a busy machine the number of messages says nothing.
    """
    fuzz = Fuzz(seed)
    for _ in range(2000):
        fuzz.step()
    start, begun, deadline = resident_megabytes(), time.process_time(), time.monotonic() + seconds
    messages = 0
    while time.monotonic() < deadline:
        fuzz.step()
        messages += 1
    speed = messages / (time.process_time() - begun)
    for outcome, count in fuzz.outcomes.most_common():
        click.echo(f"{count:>10,}  {outcome}")
    click.echo(f"memory: {start:.0f} MB at the beginning, {resident_megabytes():.0f} MB at the end")
    click.echo(f"speed: {speed:,.0f} messages per CPU-second")


if __name__ == "__main__":
    main()
