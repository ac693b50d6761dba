"""What is refused and flagged of real bars, against a list of their known anomalies."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest

from producers.sources import read_source
from records import BarBatch, RejectedBar

#: Of the moves beyond 30 % in the set, the closes that are wrong by their own bar or the bars around. The others are news,
#: and spin-offs that the set does not adjust for.
WRONG_CLOSES = {("LNT", "2016-05-19"), ("NWL", "2017-09-14"), ("MRO", "2017-09-14")}
#: Kinds of which every row is wrong. The disagreements with another vendor are information, not truth.
WRONG_KINDS = {"ohlc_inconsistent", "nan_ohl", "zero_volume"}


def told(path: Path) -> tuple[int, set[tuple[str, str]], set[tuple[str, str]]]:
    """Accepted bars, (ticker, date) of what was refused, and of what is suspect."""
    source = read_source("file", path=path, today=dt.date(2026, 1, 1))
    items = list(source)
    refused = {(item.ticker, item.date) for item in items if isinstance(item, RejectedBar)}
    accepted = sum(len(item.date) for item in items if isinstance(item, BarBatch))
    return accepted, refused, {(one.ticker, one.date.isoformat()) for one in source.suspicions}


@pytest.mark.slow
@pytest.mark.data
def test_sp500(shared_data: Path) -> None:
    accepted, refused, suspect = told(shared_data / "sp500_2013_2018.parquet")
    with (shared_data / "sp500_2013_2018_anomalies.csv").open() as file:
        rows = list(csv.DictReader(file))
    wrong = WRONG_CLOSES | {(row["ticker"], row["date"]) for row in rows if row["kind"] in WRONG_KINDS}
    assert len(wrong & (refused | suspect)) >= 0.9 * len(wrong)
    listed = {(row["ticker"], row["date"]) for row in rows}
    ordinary = (refused | suspect) - listed
    assert len(ordinary) < accepted / 10_000
    assert accepted + len(refused) == 619_040


@pytest.mark.data
def test_djia(shared_data: Path) -> None:
    accepted, refused, suspect = told(shared_data / "djia31_2006_2017.parquet")
    assert accepted + len(refused) == 93_612
    assert len(refused) < 200
    assert len(suspect) < accepted / 10_000
