"""Warnings about lasting problems: logged once, and again only if the text changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable


class Notices:
    """The last warning about each subject with a problem. Thread-safe."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._mutex = threading.Lock()
        self._last: dict[Hashable, str] = {}

    def warn(self, subject: Hashable, template: str, *arguments: object) -> None:
        """Log the warning unless it equals the last warning about this subject; the template is that of a log call."""
        text = template % arguments
        with self._mutex:
            if self._last.get(subject) == text:
                return
            self._last[subject] = text
        self._logger.warning(template, *arguments)

    def clear(self, subject: Hashable) -> None:
        """The problem of the subject is over: its next warning is logged, whatever its text."""
        if subject in self._last:
            with self._mutex:
                self._last.pop(subject, None)
