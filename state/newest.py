"""Which of several copies of a value counts: the one with the highest revision, whatever bars it holds.

A correction does not reach further than what it corrects, and a history that was built anew may be shorter. Only the embedded
engine's values have no revision: between one of them and a worker's the later last bar decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

from errors import ForecastingError, SchemaError, StateCorruptError
from state.stamp import UNSTAMPED, Revision, unstamp

Value = TypeVar("Value")


class Copy(NamedTuple, Generic[Value]):
    """One copy of a value. `load` gives None if it is gone by now; it raises a ForecastingError for an unreadable one."""

    revision: Revision
    load: Callable[[], Value | None]


class Choice(NamedTuple, Generic[Value]):
    """The value that counts, None if no copy can be read, and why the copies that come before it cannot be read."""

    value: Value | None
    passed_over: list[ForecastingError]


def newest(copies: Iterable[Copy[Value]], last_bar: Callable[[Value], int]) -> Choice[Value]:
    """The readable copy with the highest revision; an unstamped copy counts only if its last bar is later."""
    held = list(copies)
    stamped = sorted((copy for copy in held if copy.revision != UNSTAMPED), key=lambda copy: copy.revision, reverse=True)
    passed_over: list[ForecastingError] = []
    # Decoding takes most of the time: of the stamped copies the first readable one is the last that is decoded.
    chosen = next(_readable(stamped, passed_over), None)
    for value in _readable((copy for copy in held if copy.revision == UNSTAMPED), passed_over):
        if chosen is None or last_bar(value) > last_bar(chosen):
            chosen = value
    return Choice(chosen, passed_over)


def revision_of(stored: bytes) -> Revision:
    """The revision of a stored value; UNSTAMPED for an unreadable stamp, whose error comes when the value is decoded."""
    try:
        return unstamp(stored).revision
    except (SchemaError, StateCorruptError):
        return UNSTAMPED


def _readable(copies: Iterable[Copy[Value]], passed_over: list[ForecastingError]) -> Iterator[Value]:
    for copy in copies:
        try:
            value = copy.load()
        except ForecastingError as error:
            passed_over.append(error)
        else:
            if value is not None:
                yield value
