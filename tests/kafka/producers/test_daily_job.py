"""`publish --source yfinance --since last` as a daily job: only new and changed bars, a summary, and exit codes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import yfinance
from click.testing import CliRunner

from errors import SourceError
from producers.__main__ import cli
from producers.publish_command import SOME_FAILED
from tests.kafka.cluster import Cluster
from tests.made.frames import empty, many, one

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

#: Weekdays in the past, in every time zone.
DAYS = pd.bdate_range(end=dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2), periods=200, unit="s")


class Yahoo:
    """Replaces yfinance's `download`: `bars` of each ticker from the requested start."""

    def __init__(self) -> None:
        self.bars = {ticker: one(DAYS[:-1], seed, adjusted=False, actions=True) for seed, ticker in enumerate(("AAPL", "MSFT"))}
        self.starts: list[dt.date] = []

    def download(self, tickers: Sequence[str], *, start: str, **_options: object) -> pd.DataFrame:
        self.starts.append(dt.date.fromisoformat(start))
        return many({t: self.bars.get(t, empty(DAYS, adjusted=False)).loc[start:] for t in tickers})


def test_a_daily_job(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    yahoo = Yahoo()
    monkeypatch.setattr(yfinance, "download", yahoo.download)

    def run(tickers: str = "AAPL,MSFT") -> tuple[int, dict[str, object]]:
        arguments = ["publish", "--source", "yfinance", "--tickers", tickers, "--since", "last", "--format", "json"]
        result = CliRunner().invoke(cli, arguments, env=cluster.values)
        assert result.exception is None or isinstance(result.exception, (SystemExit, SourceError))
        return result.exit_code, json.loads(result.stdout)

    exit_code, first = run()
    assert (exit_code, first["new"], first["changed"], first["known"]) == (0, 398, 0, 0)
    assert yahoo.starts[0] < DAYS[0].date()

    exit_code, again = run()
    assert (exit_code, again["new"], again["changed"], again["messages"]) == (0, 0, 0, 0)
    overlap = np.busday_count(yahoo.starts[1], DAYS[-1].date())
    assert 60 <= overlap <= 75
    assert abs(int(str(again["known"])) - 2 * overlap) <= 4  # holidays

    corrected = yahoo.bars["AAPL"].copy()
    corrected.iloc[-5, corrected.columns.get_loc("Volume")] += 1
    yahoo.bars = {"AAPL": corrected, "MSFT": one(DAYS, 1, adjusted=False, actions=True)}
    yahoo.bars["MSFT"].iloc[:-1] = one(DAYS[:-1], 1, adjusted=False, actions=True).to_numpy()
    exit_code, third = run("AAPL,MSFT,GONE")
    assert (exit_code, third["new"], third["changed"]) == (SOME_FAILED, 1, 1)
    assert list(third["failed"]) == ["GONE"]  # type: ignore[call-overload]

    exit_code, none = run("GONE,LOST")
    assert (exit_code, none["new"], none["messages"]) == (1, 0, 0)
    assert list(none["failed"]) == ["GONE", "LOST"]  # type: ignore[call-overload]

    yahoo.bars["MSFT"] = yahoo.bars["MSFT"].drop(DAYS[-20:-15])
    exit_code, fourth = run()
    assert exit_code == 0
    assert list(fourth["missing"]) == ["MSFT"]  # type: ignore[call-overload]
    assert 3 <= len(fourth["missing"]["MSFT"]) <= 5  # type: ignore[index]  # holidays are none
