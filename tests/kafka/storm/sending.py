"""The file of deliveries, their times, and the file of acknowledged deliveries, for all senders."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.kafka.storm.market import Delivery


def write_deliveries(path: Path, deliveries: Iterable[Delivery]) -> None:
    """Write deliveries, a JSON object a line."""
    with path.open("w") as file:
        for one in deliveries:
            plain = {name: getattr(one, name) for name in ("number", "at", "channel", "ticker", "partition", "good", "dead")}
            file.write(json.dumps(plain | {"key": _text(one.key), "value": _text(one.value)}) + "\n")


def read_deliveries(path: Path) -> list[Delivery]:
    """Read the file of `write_deliveries`."""
    return [_delivery(json.loads(line)) for line in path.read_text().splitlines()]


def _delivery(plain: dict[str, Any]) -> Delivery:
    plain |= {name: None if plain[name] is None else b64decode(plain[name]) for name in ("key", "value")}
    return Delivery(**plain)


def _text(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode()


def write_file(path: Path, delivery: Delivery) -> None:
    """A delivery's bars as a CSV file whose time of writing is that of the fetch."""
    message = json.loads(delivery.value or b"")
    names = [name for name in ("date", "open", "high", "low", "close", "volume", "dividend") if name in message]
    lines = [",".join(["ticker", *names])]
    lines += [",".join([delivery.ticker, *map(str, row)]) for row in zip(*(message[name] for name in names), strict=True)]
    path.write_text("\n".join(lines) + "\n")
    written = dt.datetime.fromisoformat(f"{message['as_of']}T{message['as_of_time']}+00:00").timestamp()
    os.utime(path, (written, written))


class Schedule:
    """Deliveries without an acknowledgement, each due at its time. Acknowledgements are written to a file at once.

    A restarted sender continues from the file: deliveries that it sent without a note are sent twice.
    """

    def __init__(self, deliveries: Iterable[Delivery], notes: Path, *, began: float, seconds: float) -> None:
        noted = set(map(int, notes.read_text().split())) if notes.exists() else set()
        self.waiting = [one for one in deliveries if one.number not in noted]
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._began, self._seconds = began, seconds

    def due(self) -> list[Delivery]:
        """The deliveries that are due, in order. Each is returned once."""
        done = (time.monotonic() - self._began) / self._seconds
        ready = [one for one in self.waiting if one.at <= done]
        self.waiting = self.waiting[len(ready) :]
        return ready

    def acknowledged(self, deliveries: Iterable[Delivery]) -> None:
        """Note that these deliveries are on their topic."""
        os.write(self._notes, "".join(f"{one.number}\n" for one in deliveries).encode())
