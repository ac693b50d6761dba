"""Chooses among several copies of a value: the copy with the highest revision counts, whatever its last bar.

A corrected history has the same last bar as before, and a rebuilt history may be shorter. Only values of the embedded engine
have no revision. Between such a value and a worker's value the later last bar decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

from errors import ForecastingError, SchemaError, StateCorruptError
from state.stamp import UNSTAMPED, Revision, unstamp

Value = TypeVar("Value")


class Copy(NamedTuple, Generic[Value]):
    """A copy of a value. `load` returns None if the copy is gone, and raises a ForecastingError if it is unreadable."""

    revision: Revision
    load: Callable[[], Value | None]


class Choice(NamedTuple, Generic[Value]):
    """The value that counts, None if no copy is readable; and the errors of unreadable copies that would come before it."""

    value: Value | None
    passed_over: list[ForecastingError]


def newest(copies: Iterable[Copy[Value]], last_bar: Callable[[Value], int]) -> Choice[Value]:
    """The readable copy with the highest revision. An unstamped copy counts only if its last bar is later."""
    held = list(copies)
    stamped = sorted((copy for copy in held if copy.revision != UNSTAMPED), key=lambda copy: copy.revision, reverse=True)
    passed_over: list[ForecastingError] = []
    # Decoding takes most of the time, so stamped copies are decoded only up to the first readable one.
    chosen = next(_readable(stamped, passed_over), None)
    for value in _readable((copy for copy in held if copy.revision == UNSTAMPED), passed_over):
        if chosen is None or last_bar(value) > last_bar(chosen):
            chosen = value
    return Choice(chosen, passed_over)


def revision_of(stored: bytes) -> Revision:
    """The revision of a stored value; UNSTAMPED for an unreadable stamp, whose error is raised when the value is decoded."""
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
