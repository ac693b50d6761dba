"""The days of exchanges' sessions, from the calendars' library in this process or, if it lives long, in a process of its own.

The library takes half a second and, with pandas and what pandas loads, 90 MB. A command loads it and ends. A worker or a
service would keep the 90 MB from the first ticker that misses some sessions on.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
import numpy as np

from records import Days

logger = logging.getLogger(__name__)

_DEADLINE_SECONDS: Final = 60.0
Read = Callable[[Sequence[str]], Mapping[str, Days]]


def read_by_process(names: Sequence[str]) -> dict[str, Days]:
    """The days of these calendars, by `python -m marketdata.session_days_command`.

    Raises OSError, or subprocess.SubprocessError if the process fails or takes too long, or msgspec.MsgspecError.
    """
    command = [sys.executable, "-m", "marketdata.session_days_command", *names]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=_DEADLINE_SECONDS, check=True)  # noqa: S603 - our own arguments
    return {name: np.frombuffer(days, "<i4") for name, days in decode_days(done.stdout).items()}


def encode_days(days: Mapping[str, Days]) -> bytes:
    """Day numbers by calendar, as the process prints them."""
    return msgspec.msgpack.encode({name: each.astype("<i4").tobytes() for name, each in days.items()})


def decode_days(payload: bytes) -> dict[str, bytes]:
    """What `encode_days` gave, each calendar's days as bytes."""
    return msgspec.msgpack.decode(payload, type=dict[str, bytes])


class SessionDays:
    """Each calendar's days, read once. Thread-safe: while one thread reads, the others wait for it."""

    def __init__(self, here: Callable[[str], Days], read: Read = read_by_process) -> None:
        """`here` reads a calendar in this process, `read` reads several in another."""
        self._here = here
        self._read = read
        self._mutex = threading.Lock()
        self._known: dict[str, Days] = {}
        self._expected: frozenset[str] = frozenset()
        self._is_apart = False

    def of(self, name: str) -> Days:
        """The day numbers of a calendar's sessions, rising. Raises what the library raises for a name that it does not know."""
        days = self._known.get(name)
        if days is None:
            with self._mutex:
                if name not in self._known and self._is_apart:
                    self._known |= self._read_apart(name)
                if name not in self._known:
                    self._known[name] = self._here(name)
                days = self._known[name]
        return days

    def expect(self, names: Iterable[str]) -> None:
        """Read these calendars together with the next that is missing: a process for each would take a second each."""
        self._expected |= frozenset(names)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Within the block a process of its own reads what is missing."""
        self._is_apart = True
        try:
            yield
        finally:
            self._is_apart = False

    def _read_apart(self, name: str) -> Mapping[str, Days]:
        wanted = sorted({name, *self._expected} - self._known.keys())
        try:
            return self._read(wanted)
        except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
            # From now on this process has the library, and need not wait for another again.
            self._is_apart = False
            logger.warning("calendars not read by a process of its own, this process reads them reason=%r", error)
            return {}
