"""A cache of the last few results of a computation, each valid for exactly the inputs it was computed from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class ResultCache(Generic[Result]):
    """Keeps the results of the last `size` different inputs. Thread-safe.

    Inputs are compared as a whole (`==`; the same object is equal at once), never by a digest or an abbreviation. Nothing
    expires: a result is valid as long as its inputs are the same.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._mutex = threading.Lock()
        self._kept: list[tuple[tuple[Any, ...], Result]] = []

    def get(self, inputs: tuple[Any, ...], compute: Callable[[], Result]) -> Result:
        """The result for these inputs; computed, outside the lock, if it is not cached."""
        with self._mutex:
            kept = list(self._kept)
        for known, result in kept:
            if known == inputs:
                return result
        result = compute()
        with self._mutex:
            self._kept = [(inputs, result), *self._kept][: self._size]
        return result
