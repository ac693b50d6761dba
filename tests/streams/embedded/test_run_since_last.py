"""`streams run --source yfinance --since last`: fetches from some sessions before the last bars of the state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import yfinance
from click.testing import CliRunner

from errors import StateCorruptError
from state.folder import StateFolder
from state.readers import HistoryReader
from streams.__main__ import cli
from tests.made.frames import many, one

#: Weekdays in the past, in every time zone.
DAYS = pd.bdate_range(end=dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2), periods=200, unit="s")


def test_the_second_run_asks_only_for_the_overlap_and_adds_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[str] = []
    served = {"days": DAYS[:-1]}

    def download(tickers: Sequence[str], *, start: str, **_options: object) -> pd.DataFrame:
        starts.append(start)
        whole = one(DAYS, 1, adjusted=False, actions=True)
        return many(dict.fromkeys(tickers, whole.loc[served["days"]].loc[start:]))

    monkeypatch.setattr(yfinance, "download", download)
    arguments = ["run", "--source", "yfinance", "--tickers", "AAPL", "--state", str(tmp_path), "--no-train", "--since", "last"]
    first = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert first.exit_code == 0
    assert "199 new, 0 known" in first.stderr
    served["days"] = DAYS
    second = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert "1 new" in second.stderr
    assert starts[0] < DAYS[0].date().isoformat() < DAYS[120].date().isoformat() < starts[1]
    with HistoryReader(tmp_path) as histories:
        bars = histories.bars("AAPL")
    assert bars is not None
    assert (len(bars), bars.last_date) == (200, DAYS[-1].date())


def test_damaged_histories_are_refused_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yfinance, "download", lambda *_, **__: pytest.fail("fetched"))
    StateFolder(tmp_path).open_writer().close()
    (tmp_path / "history.db" / "CURRENT").unlink()
    arguments = ["run", "--source", "yfinance", "--tickers", "AAPL", "--state", str(tmp_path), "--no-train", "--since", "last"]
    result = CliRunner().invoke(cli, arguments)
    assert isinstance(result.exception, StateCorruptError)
    assert str(result.exception).endswith("delete it and run again over all bars")


def test_it_is_for_yfinance_alone() -> None:
    result = CliRunner().invoke(cli, ["run", "--since", "last"])
    assert result.exit_code == 2
    assert "--since last is for --source yfinance" in result.output
