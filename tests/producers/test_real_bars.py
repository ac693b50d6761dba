"""Two dirty sets of real bars: what is refused of them is what is known to be wrong with them, and nothing else is lost."""

from __future__ import annotations

import csv
import datetime as dt
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from producers.sources import read_source
from records import BarBatch, RejectedBar
from tests.conftest import ROOT

pytestmark = pytest.mark.data
TODAY = dt.date(2024, 6, 28)


def read(path: Path) -> tuple[Counter[str], list[RejectedBar]]:
    accepted: Counter[str] = Counter()
    rejected: list[RejectedBar] = []
    for item in read_source("file", path=path, today=TODAY):
        if isinstance(item, BarBatch):
            accepted[item.ticker] += len(item.date)
        else:
            rejected.append(item)
    return accepted, rejected


def test_of_the_large_set_exactly_the_impossible_bars_are_refused(shared_data):
    accepted, rejected = read(shared_data / "sp500_2013_2018.parquet")
    with (shared_data / "sp500_2013_2018_anomalies.csv").open(encoding="utf-8") as file:
        suspects = {
            (row["ticker"].replace(".", "-"), row["date"]): row["kind"]
            for row in csv.DictReader(file)
            if row["kind"] in {"nan_ohl", "ohlc_inconsistent"}
        }
    assert {(bar.ticker, bar.date) for bar in rejected} == set(suspects)
    assert Counter(suspects[bar.ticker, bar.date] for bar in rejected) == {"nan_ohl": 11, "ohlc_inconsistent": 12}
    assert all("missing" in bar.reason for bar in rejected if suspects[bar.ticker, bar.date] == "nan_ohl")
    assert (len(accepted), accepted.total()) == (505, 619_040 - 23)


def test_of_the_dirty_set_every_ticker_is_kept(shared_data):
    accepted, rejected = read(shared_data / "djia31_2006_2017.parquet")
    assert (len(accepted), accepted.total() + len(rejected)) == (31, 93_612)
    assert min(accepted.values()) > 2_900
    reasons = Counter(bar.reason for bar in rejected)
    assert reasons["open missing or not a finite number"] == 25
    assert reasons["low not positive"] == 1
    # Of 151 rows outside their range, the vendor's own rounding explains some.
    assert 130 <= reasons["open outside [low, high]"] + reasons["close outside [low, high]"] <= 151


@pytest.mark.slow
def test_half_a_million_bars_take_seconds_and_little_memory(shared_data):
    # VmHWM and not ru_maxrss, which remembers the size of the process that this process was forked from.
    script = (
        "import datetime as dt, re, resource, sys\nfrom pathlib import Path\nfrom producers.sources import read_source\n"
        "for batch in read_source('file', path=Path(sys.argv[1]), today=dt.date(2024, 6, 28)): pass\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_utime + used.ru_stime, re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    path = shared_data / "sp500_2013_2018.parquet"
    output = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    cpu_seconds, kilobytes = map(float, output.split())
    assert cpu_seconds < 10  # 1.2 measured, imports included; row by row it would be minutes
    assert kilobytes < 350 * 1024  # 210 MB measured
