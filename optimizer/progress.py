"""The form in which a computation reports its progress."""

from __future__ import annotations

from collections.abc import Callable

#: Per cent done and what is being done.
Progress = Callable[[int, str], None]


def no_progress(percent: int, message: str) -> None:
    """Ignores the progress."""
