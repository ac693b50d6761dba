"""The refused bars of a run of the embedded engine: all of them in a file, the first of them in the log."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import msgspec

from errors import StateWriteError
from records import RejectedBar
from text import without_data

logger = logging.getLogger(__name__)

#: How many refused bars are logged, and how many of one reason; the file has all of them.
LOGGED_REJECTIONS: Final = 20
LOGGED_OF_A_REASON: Final = 5


class Rejections:
    """The refused bars of a run, one JSON object a line, in a file that each run replaces. A context manager.

    `by_reason` counts them by their reasons without the data in them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._logged = 0
        self.by_reason: Counter[str] = Counter()

    def __enter__(self) -> Self:
        try:
            self._file = self._path.open("wb")
        except OSError as error:
            raise StateWriteError.at(self._path, error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._file is not None
        try:
            self._file.close()
        except OSError as failure:
            raise StateWriteError.at(self._path, failure) from failure
        if (count := self.by_reason.total()) > self._logged:
            logger.warning("rejected bars are in a file bars=%d logged=%d path=%s", count, self._logged, self._path)

    def add(self, bar: RejectedBar) -> None:
        """Keep a refused bar. Raises StateWriteError if the file cannot be written."""
        assert self._file is not None, "used outside its context"
        kind = without_data(bar.reason, bar.ticker)
        self.by_reason[kind] += 1
        if self._logged < LOGGED_REJECTIONS and self.by_reason[kind] <= LOGGED_OF_A_REASON:
            self._logged += 1
            logger.warning("rejected ticker=%s date=%s reason=%s", bar.ticker, bar.date, bar.reason)
        try:
            self._file.write(msgspec.json.encode(bar) + b"\n")
        except OSError as error:
            raise StateWriteError.at(self._path, error) from error
