"""What a run says at its end: counts by reason, and no reason a thousand times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from records import RejectedBar
from streams.embedded.rejections import LOGGED_OF_A_REASON, Rejections
from streams.embedded.summary import Summary, summary_lines


def test_refused_bars_are_logged_a_few_of_each_reason_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Rejections(tmp_path / "rejected.jsonl") as rejections:
        for day in range(1, 29):
            rejections.add(RejectedBar("AAA", f"2024-01-{day:02}", f"close {day} above high {day - 1}"))
        rejections.add(RejectedBar("BBB", "2024-01-02", "volume missing"))
    said = [record.getMessage() for record in caplog.records]
    assert len([line for line in said if "above high" in line]) == LOGGED_OF_A_REASON
    assert len([line for line in said if "volume missing" in line]) == 1, "a rare reason is not lost behind a frequent one"
    assert said[-1].startswith("rejected bars are in a file bars=29 logged=6")
    assert rejections.by_reason == {"close N above high N": 28, "volume missing": 1}
    assert len([json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]) == 29


def test_the_summary_has_counts_by_reason() -> None:
    young = {f"T{number}": f"trained: {number + 30} bars, training needs 504" for number in range(300)}
    summary = Summary(
        tickers=302,
        bars_rejected=29,
        rejections={"close N above high N": 28, "volume missing": 1},
        fallback={**young, "STILL": "har, arima: its price stands still"},
    )
    lines = list(summary_lines(summary))
    assert lines[1:3] == ["  28 rejected: close N above high N", "  1 rejected: volume missing"]
    assert lines[4] == "without a trained model: 301; the forecast table has the reason of each"
    assert lines[5] == "  T0, T1, T10, T100, T101 and 295 more: trained: 30 bars, training needs 504, and the like"
    assert lines[6:] == ["  STILL: har, arima: its price stands still"]
