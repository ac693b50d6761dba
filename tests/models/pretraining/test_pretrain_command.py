"""What `models pretrain` refuses of its options."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from errors import RequestError, TooFewBarsError
from models.pretraining.pretrain_command import pretrain

pytest.importorskip("torch")

ROWS = [f"2024-{month:02}-{day:02},{ticker},1,1,1,1,1" for ticker in ("AAA", "BBB") for month in (1, 2) for day in (2, 3, 4)]


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(["date,ticker,open,high,low,close,volume", *ROWS]))
    return path


def test_a_ticker_to_leave_out_that_is_not_there_is_refused(bars: Path) -> None:
    """A mistyped ticker had stayed in the fit, and the model was then judged on what it had seen."""
    given = ["--path", str(bars), "--out", str(bars.with_suffix(".bin"))]
    result = CliRunner().invoke(pretrain, [*given, "--without", "aaa,ZZZ"])
    assert isinstance(result.exception, RequestError)
    assert "--without names ZZZ" in str(result.exception)
    result = CliRunner().invoke(pretrain, [*given, "--without", "aaa"])
    assert isinstance(result.exception, TooFewBarsError)
    assert "1 histories of less than 300 bars are left out" in result.stderr
