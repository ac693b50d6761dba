"""A cache of the last few results of a computation, each valid for exactly the inputs it was computed from."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class ResultCache(Generic[Result]):
    """Keeps the results of the last `size` different inputs. Thread-safe.

    Inputs are compared as a whole (`==`; the same object is equal at once), never by a digest or an abbreviation. Nothing
    expires: a result is valid as long as its inputs are the same.
    """

    def __init__(self, size: int, *, one_at_a_time: bool = False) -> None:
        """With `one_at_a_time`, other threads wait for a computation: equal inputs share it, and its memory is needed once."""
        self._size = size
        self._mutex = threading.Lock()
        self._computing = threading.Lock() if one_at_a_time else contextlib.nullcontext()
        self._kept: list[tuple[tuple[Any, ...], Result]] = []

    def get(
        self, inputs: tuple[Any, ...], compute: Callable[[], Result], *, may_keep: Callable[[], bool] = lambda: True
    ) -> Result:
        """The result for these inputs; computed if it is not cached, and then kept if `may_keep` says so afterwards."""
        found = self._find(inputs)
        if found is not None:
            return found[0]
        with self._computing:
            # Another thread may have computed it meanwhile.
            found = self._find(inputs)
            if found is not None:
                return found[0]
            result = compute()
            if not may_keep():
                return result
            with self._mutex:
                self._kept = [(inputs, result), *self._kept][: self._size]
        return result

    def _find(self, inputs: tuple[Any, ...]) -> tuple[Result] | None:
        """The cached result in a tuple, because a result may be None; None if it is not cached."""
        with self._mutex:
            kept = list(self._kept)
        return next(((result,) for known, result in kept if known == inputs), None)
