"""The names of the sources of bars; apart from the sources themselves, which load NumPy."""

from __future__ import annotations

from enum import StrEnum


class SourceName(StrEnum):
    """Where bars come from."""

    SAMPLE = "sample"
    FILE = "file"
    YFINANCE = "yfinance"
