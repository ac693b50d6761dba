"""Reading the whole set in the forms in which people have it: bars per CPU-second, from the file to validated batches."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from benchmarks.bars import data_name, histories
from benchmarks.isolated import in_fresh_process
from producers.sources import opener_of, read_source
from records import BarBatch, Bars, date_of


def run() -> Iterator[dict[str, Any]]:
    """A row for each form, each read once in a new process; imports are not timed."""
    with tempfile.TemporaryDirectory() as folder:
        for form, path in write_forms(histories(), Path(folder)).items():
            bars, seconds = in_fresh_process(read, path).result
            yield {
                "benchmark": "reading",
                "form": form,
                "data": data_name(),
                "bars": bars,
                "bars_per_cpu_second": round(bars / seconds),
            }


def read(path: Path) -> tuple[int, float]:
    """The number of good bars in a file or folder, and the CPU-seconds of reading them."""
    opener = opener_of("file")
    started = time.process_time()
    items = read_source("file", path=path, today=dt.date.max, opener=opener)
    bars = sum(len(item.date) for item in items if isinstance(item, BarBatch))
    return bars, time.process_time() - started


def write_forms(of_tickers: dict[str, Bars], folder: Path) -> dict[str, Path]:
    """The bars in each form, below `folder`: form → path."""
    rows = {ticker: _rows(bars) for ticker, bars in of_tickers.items()}
    names = ["date", "open", "high", "low", "close", "volume"]
    header = ",".join(names)
    tree = folder / "tickers"
    tree.mkdir()
    for ticker, lines in rows.items():
        (tree / f"{ticker}.csv").write_text("\n".join([header, *lines]) + "\n")
    long = folder / "long.csv"
    long.write_text("\n".join([f"ticker,{header}", *(f"{ticker},{line}" for ticker, lines in rows.items() for line in lines)]))
    archive = folder / "tickers.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(tree.iterdir()):
            zipped.write(path, path.name)
    parquet = folder / "long.parquet"
    together = Bars.concatenate(of_tickers.values())
    columns = {name: pa.array(getattr(together, name)) for name in names[1:]}
    tickers = pa.array([ticker for ticker, lines in rows.items() for _ in lines])
    pa.parquet.write_table(pa.table({"date": pa.array(together.day).cast(pa.date32()), "ticker": tickers, **columns}), parquet)
    one = next(iter(sorted(tree.iterdir())))
    return {
        "one Parquet file": parquet,
        "one CSV": long,
        "a folder with a CSV for each ticker": tree,
        "the same folder, zipped": archive,
        "one CSV of one ticker": one,
    }


def _rows(bars: Bars) -> list[str]:
    prices = zip(bars.open.tolist(), bars.high.tolist(), bars.low.tolist(), bars.close.tolist(), strict=True)
    dates = (date_of(day).isoformat() for day in bars.day)
    return [
        f"{date},{o},{h},{low},{c},{v:.0f}" for date, (o, h, low, c), v in zip(dates, prices, bars.volume.tolist(), strict=True)
    ]
