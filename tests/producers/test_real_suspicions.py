"""What is refused and flagged of real bars, against a list of their known anomalies."""

from __future__ import annotations

import csv
import datetime as dt
from enum import Enum
from pathlib import Path

import pytest

from producers.sources import read_source
from records import BarBatch, RejectedBar

TODAY = dt.date(2026, 1, 1)


class Verdict(Enum):
    """What a move beyond 30 % was."""

    WRONG = "the close is wrong: the bars around it, or the bar's own range, say so"
    WAY_BACK = "the close is right, the one before it is wrong"
    UNADJUSTED = "the close is right, the return is not: something that the set does not adjust for was given to shareholders"
    NEWS = "the close and the return are right"


#: Every move beyond 30 % in the set. Which moves are wrong shows in the bars; the others rest on what was public that day, on
#: heavy trading, and on prices that stayed there.
LARGE_MOVES = {
    ("AMD", "2016-04-22"): (Verdict.NEWS, "results and a joint venture in China, 16 usual volumes"),
    ("ARNC", "2016-11-01"): (Verdict.UNADJUSTED, "Alcoa Corporation spun off"),
    ("BAX", "2015-07-01"): (Verdict.UNADJUSTED, "Baxalta spun off"),
    ("BHGE", "2017-07-05"): (Verdict.UNADJUSTED, "merged with GE's oil and gas business, $17.50 a share paid out"),
    ("CHK", "2016-02-08"): (Verdict.NEWS, "said to prepare a restructuring of its debt"),
    ("CHK", "2016-04-12"): (Verdict.NEWS, "its credit line was confirmed, 6 usual volumes"),
    ("DISCA", "2014-08-07"): (Verdict.UNADJUSTED, "a share of class C given for each share"),
    ("DISCK", "2014-08-07"): (Verdict.UNADJUSTED, "a share of class C given for each share: a split of 2:1"),
    ("EBAY", "2015-07-20"): (Verdict.UNADJUSTED, "PayPal spun off"),
    ("EVHC", "2017-11-01"): (Verdict.NEWS, "results and a cut outlook, 24 usual volumes"),
    ("INCY", "2013-08-21"): (Verdict.NEWS, "results of a trial, 19 usual volumes"),
    ("LNT", "2016-05-19"): (Verdict.WRONG, "half of its own open and of the days around: a split applied to one close alone"),
    ("LNT", "2016-05-20"): (Verdict.WAY_BACK, "35.91, as two days before"),
    ("MNST", "2014-08-15"): (Verdict.NEWS, "Coca-Cola bought a stake, 13 usual volumes"),
    ("MRO", "2017-09-14"): (Verdict.WRONG, "16.02 between closes of 11.91 and 12.00 on an ordinary volume"),
    ("NI", "2015-07-02"): (Verdict.UNADJUSTED, "Columbia Pipeline spun off"),
    ("NWL", "2017-09-14"): (Verdict.WRONG, "30.81 between closes of 44.22 and 43.20 on an ordinary volume"),
    ("NWL", "2017-09-15"): (Verdict.WAY_BACK, "43.20, near the 44.22 of two days before"),
    ("SIG", "2017-11-21"): (Verdict.NEWS, "results and a cut outlook, 11 usual volumes"),
    ("STZ", "2013-02-14"): (Verdict.NEWS, "was offered the American rights to Modelo's brands"),
    ("VRTX", "2013-04-19"): (Verdict.NEWS, "results of a trial, 16 usual volumes"),
    ("VRTX", "2014-06-24"): (Verdict.NEWS, "results of a trial, 19 usual volumes"),
    ("WMB", "2016-01-14"): (Verdict.NEWS, "its buyer held to the merger after a fall by 18 % the day before, 3 usual volumes"),
    ("WMB", "2016-02-08"): (Verdict.NEWS, "its largest customer was said to restructure its debt, 4 usual volumes"),
}
#: Kinds of which every row is wrong. The disagreements with another vendor are information, not truth.
WRONG_KINDS = {"ohlc_inconsistent", "nan_ohl", "zero_volume"}

Bar = tuple[str, str]


def told(path: Path) -> tuple[int, set[Bar], set[Bar]]:
    """Accepted bars, (ticker, date) of what was refused, and of what is suspect."""
    source = read_source("file", path=path, today=TODAY)
    items = list(source)
    refused = {(item.ticker, item.date) for item in items if isinstance(item, RejectedBar)}
    accepted = sum(len(item.date) for item in items if isinstance(item, BarBatch))
    return accepted, refused, {(one.ticker, one.date.isoformat()) for one in source.suspicions}


def large_moves(verdict: Verdict) -> set[Bar]:
    return {bar for bar, (given, _) in LARGE_MOVES.items() if given is verdict}


@pytest.mark.slow
@pytest.mark.data
def test_sp500(shared_data: Path) -> None:
    accepted, refused, suspect = told(shared_data / "sp500_2013_2018.parquet")
    with (shared_data / "sp500_2013_2018_anomalies.csv").open() as file:
        of_kind = [(row["kind"], (row["ticker"], row["date"])) for row in csv.DictReader(file)]
    assert {bar for kind, bar in of_kind if kind == "abs_return_gt_30pct"} == LARGE_MOVES.keys()
    flagged = refused | suspect
    wrong = large_moves(Verdict.WRONG) | {bar for kind, bar in of_kind if kind in WRONG_KINDS}
    assert len(wrong & flagged) >= 0.9 * len(wrong)
    # Of each kind of large move, as docs/suspects.md has it.
    assert {verdict: len(large_moves(verdict) & flagged) for verdict in Verdict} == {
        Verdict.WRONG: 3, Verdict.WAY_BACK: 0, Verdict.UNADJUSTED: 5, Verdict.NEWS: 2,
    }  # fmt: skip
    ordinary = flagged - {bar for _, bar in of_kind} | flagged & large_moves(Verdict.NEWS)
    assert len(ordinary) < accepted / 10_000
    assert accepted + len(refused) == 619_040


@pytest.mark.data
def test_djia(shared_data: Path) -> None:
    accepted, refused, suspect = told(shared_data / "djia31_2006_2017.parquet")
    assert accepted + len(refused) == 93_612
    assert len(refused) < 200
    assert len(suspect) < accepted / 10_000
