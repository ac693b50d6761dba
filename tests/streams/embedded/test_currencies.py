"""A file's column of currencies, from the file to the row; and folders that were written before it was known."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from producers.sources import read_source
from records import BarBatch, Bars, date_of, decode_forecast
from tests.made.bars import TODAY, walk
from tests.streams.scenarios import CHEAP, Engine, export

CURRENCIES = {"AAA": "EUR", "VOD.L": "GBP", "BP.L": "GBX"}


def lines(ticker: str, bars: Bars, currency: str | None) -> list[str]:
    values = (getattr(bars, name).tolist() for name in ("open", "high", "low", "close", "volume"))
    rows = zip([date_of(day) for day in bars.day], *values, strict=True)
    return [",".join(map(str, (ticker, *row, *([currency] if currency else [])))) for row in rows]


def file(folder: Path, currencies: dict[str, str] | None) -> Path:
    """Three tickers, with a column of currencies or without."""
    header = "ticker,date,open,high,low,close,volume" + (",Currency" if currencies else "")
    rows = [line for at, one in enumerate(CURRENCIES) for line in lines(one, walk(500, at), (currencies or {}).get(one))]
    path = folder / ("named.csv" if currencies else "plain.csv")
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def batches(path: Path) -> list[BarBatch]:
    """What is read of a file, as of one day whenever it was written."""
    found = [item for item in read_source("file", path=path, today=TODAY) if isinstance(item, BarBatch)]
    return [msgspec.structs.replace(item, as_of=TODAY) for item in found]


@pytest.fixture
def named(tmp_path: Path) -> list[BarBatch]:
    return batches(file(tmp_path, CURRENCIES))


def served(rows: dict[str, bytes]) -> dict[str, str | None]:
    return {ticker: decode_forecast(row).currency for ticker, row in rows.items()}


def test_the_column_stands_in_the_row_and_changes_nothing_else(engine: Engine, tmp_path: Path, named: list[BarBatch]) -> None:
    engine.run(named, tmp_path / "named", CHEAP)
    engine.run(batches(file(tmp_path, None)), tmp_path / "plain", CHEAP)
    rows, plain = export(tmp_path / "named").rows, export(tmp_path / "plain").rows
    assert served(rows) == {"AAA": "EUR", "VOD.L": "GBP", "BP.L": "GBp"}
    assert served(plain) == {"AAA": "USD", "VOD.L": "GBp", "BP.L": "GBp"}
    without = [
        {ticker: msgspec.structs.replace(decode_forecast(row), currency=None) for ticker, row in each.items()}
        for each in (rows, plain)
    ]
    assert without[0] == without[1]


def test_a_folder_of_before_takes_the_column_when_the_file_is_read_again(
    engine: Engine, tmp_path: Path, named: list[BarBatch]
) -> None:
    engine.run(named, tmp_path / "fresh", CHEAP)
    state = tmp_path / "old"
    engine.run([msgspec.structs.replace(batch, currency=None) for batch in named], state, CHEAP)
    assert served(export(state).rows) == {"AAA": "USD", "VOD.L": "GBp", "BP.L": "GBp"}
    engine.run(named, state, CHEAP)
    assert export(state) == export(tmp_path / "fresh")
