"""What makes reading slow without changing what is read: imports, and texts that are looked at more closely than they need."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bars import simulated
from benchmarks.reading import read, write_forms
from producers.forms import dates
from records import Bars, batch_of
from tests.producers.forms_made import csv, put, walk

ROOT = Path(__file__).resolve().parents[2]
_READING = """
import datetime as dt, sys
from pathlib import Path
from producers.sources import read_source
source = read_source("file", path=Path(sys.argv[1]), today=dt.date(2030, 1, 1))
bars = sum(len(batch.date) for batch in source)
print(bars, len(source.suspicions), *sorted(sys.modules.keys() & {"pandas", "numpy.ma", "charset_normalizer"}))
"""


def test_reading_a_file_with_a_suspect_bar_imports_no_library_of_a_tenth_of_its_time(tmp_path: Path):
    rows = [list(row) for row in walk(bars=100).rows()]
    rows[60][1:5] = [price * 1.5 for price in rows[60][1:5]]
    path = put(tmp_path / "AAPL.csv", csv("Date,Open,High,Low,Close,Volume", rows))
    done = subprocess.run([sys.executable, "-c", _READING, path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["100", "1"], done.stderr


@given(st.from_regex(dates.SMALL_NUMBER, fullmatch=True))
def test_small_numbers_are_no_dates_however_closely_one_looks(text: str):
    assert not dates._can_be_a_date(text)


def test_batches_of_the_same_days_share_no_list():
    price = np.full(5, 10.0)
    bars = Bars.of(np.arange(5, dtype=np.int32), open=price, high=price, low=price, close=price, volume=price)
    first, second = (batch_of(name, bars, source="test", as_of=dt.date(1970, 1, 5)) for name in ("A", "B"))
    first.date.append("1970-01-06")
    assert second.date == [f"1970-01-0{day}" for day in range(1, 6)]
    assert batch_of("C", bars, source="test", as_of=dt.date(1970, 1, 5)).date == second.date


def test_the_benchmark_reads_the_same_bars_in_each_of_its_forms(tmp_path: Path):
    found = {form: read(path) for form, path in write_forms(dict(islice(simulated(bars=40), 3)), tmp_path).items()}
    assert {form: bars for form, (bars, _) in found.items()} == {
        "one Parquet file": 120,
        "one CSV": 120,
        "a folder with a CSV for each ticker": 120,
        "the same folder, zipped": 120,
        "one CSV of one ticker": 40,
    }
