"""The days of exchanges' sessions, from the calendars' library in this process or, if it lives long, in a process of its own.

The library takes half a second and, with pandas and what pandas loads, 90 MB. A command loads it and ends. A worker or a
service would keep the 90 MB from the first ticker that misses some sessions on.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
import numpy as np

from records import Days

logger = logging.getLogger(__name__)

#: For a process that is stalled: nobody waits for it longer than PATIENCE_SECONDS.
_DEADLINE_SECONDS: Final = 120.0
#: A calendar takes a second, on a busy machine some more. Later answers count weekdays, which can only be too many.
PATIENCE_SECONDS: Final = 2.0
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
    """Each calendar's days, read once. Thread-safe.

    While another process reads, callers wait until PATIENCE_SECONDS after it was started, all together: a stalled process must
    not hold up requests and pages.
    """

    def __init__(
        self, here: Callable[[str], Days], read: Read = read_by_process, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """`here` reads a calendar in this process, `read` reads several in another."""
        self._here = here
        self._read = read
        self._patience_seconds = patience_seconds
        self._changed = threading.Condition()
        self._known: dict[str, Days] = {}
        self._expected: frozenset[str] = frozenset()
        self._awaited: set[str] = set()
        self._started_at: float | None = None
        self._is_apart = False

    def of(self, name: str) -> Days | None:
        """The day numbers of a calendar's sessions, rising; None while another process has not read them yet.

        Raises what the library raises for a name that it does not know.
        """
        days = self._known.get(name)
        if days is not None:
            return days
        with self._changed:
            if name not in self._known and self._is_apart:
                self._await(name)
            if name not in self._known and not self._is_apart:
                self._known[name] = self._here(name)
            return self._known.get(name)

    @property
    def unread(self) -> list[str]:
        """The calendars that callers were refused because they are not read yet."""
        return sorted(set(self._awaited) - self._known.keys())

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

    def _await(self, name: str) -> None:
        """Wait for a calendar, with the condition held. The patience is that of the process, not of each caller."""
        while name not in self._known and (self._is_apart or self._started_at is not None):
            if self._started_at is None:
                wanted = sorted({name, *self._expected} - self._known.keys())
                threading.Thread(target=self._look, args=(wanted,), name="session days", daemon=True).start()
                self._started_at = time.monotonic()
            remaining = self._started_at + self._patience_seconds - time.monotonic()
            if remaining <= 0.0:
                if name not in self._awaited:
                    self._awaited.add(name)
                    logger.warning("calendar not read yet, weekdays count until it is calendar=%s", name)
                return
            self._changed.wait(remaining)

    def _look(self, wanted: Sequence[str]) -> None:
        found: dict[str, Days] = {}
        try:
            try:
                found |= self._read(wanted)
            except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
                # From now on this process has the library, and need not wait for another again.
                self._is_apart = False
                logger.warning("calendars not read by a process of its own, this process reads them reason=%r", error)
            for name in wanted:
                if name not in found:
                    found[name] = self._read_here(name)
        finally:
            # Also after an error that nobody expects: callers then meet it themselves, and other calendars are still read.
            with self._changed:
                self._is_apart &= found.keys() >= set(wanted)
                self._known |= found
                self._started_at = None
                self._changed.notify_all()

    def _read_here(self, name: str) -> Days:
        try:
            return self._here(name)
        except (ValueError, KeyError) as error:  # an unknown calendar: weekdays count for good
            logger.warning("calendar left out calendar=%s reason=%r", name, str(error)[:200])
            return np.empty(0, np.int32)
