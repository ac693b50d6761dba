"""Files of bars for tests, and what the source `file` reads of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from producers.sources import read_source
from records import BarBatch, RejectedBar

TODAY = dt.date(2024, 6, 28)
LINES = ["2024-01-02,10,11,9,10.5,1000", "2024-01-03,10.5,12,10,11,2000", "2024-01-04,11,11.5,10.5,10.8,3000"]
HEADER = "date,open,high,low,close,volume"


def read(path: Path, **options: object) -> tuple[dict[str, list[tuple[str, float, float]]], list[RejectedBar]]:
    """(date, close, volume) of each ticker's bars, and what was rejected."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    rejected: list[RejectedBar] = []
    for item in read_source("file", path=path, today=TODAY, **options):
        if isinstance(item, BarBatch):
            found.setdefault(item.ticker, []).extend(zip(item.date, item.close, item.volume, strict=True))
        else:
            rejected.append(item)
    return found, rejected


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


EXPECTED = [("2024-01-02", 10.5, 1000.0), ("2024-01-03", 11.0, 2000.0), ("2024-01-04", 10.8, 3000.0)]
