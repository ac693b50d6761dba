"""The command `models evaluate`, and the evaluation of real bars."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation.panel import SERVED, build_panel
from evaluation.scores import (
    interval_scores,
    volatility_scores,
)
from tests.conftest import ROOT
from tests.evaluation.samples import evaluated
from tests.models.windows import simulated_columns, window_of_columns
from tests.waiting import PATIENCE_SECONDS


def bars_of(ticker: str, count: int, *, seed: int) -> pd.DataFrame:
    day, *columns = simulated_columns(count, seed=seed)
    frame = pd.DataFrame(dict(zip(("open", "high", "low", "close", "volume"), columns, strict=True)))
    return frame.assign(date=pd.to_datetime(day + 4, unit="D"), ticker=ticker)


@pytest.mark.slow
def test_the_command_writes_and_prints(tmp_path: Path) -> None:
    frames = [bars_of(f"T{k}", 620, seed=k) for k in range(3)]
    young = frames[0].iloc[-120:].assign(ticker="YOUNG")
    pd.concat([*frames, young]).to_parquet(tmp_path / "bars.parquet")
    command = [sys.executable, "-m", "models", "evaluate", "--path", str(tmp_path / "bars.parquet"), "--origins", "2"]
    command += ["--out", str(tmp_path / "out.parquet"), "--jobs", "1", "--plot", str(tmp_path / "pictures")]
    run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert run.returncode == 0, run.stderr
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 3
    assert "8 forecasts of 4 tickers on 2 dates, 75.0% with a trained model's part" in run.stdout
    for model in ("arima", "xgboost", "lstm", "garch"):
        assert model in run.stdout
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert (table.fallback == "pooled").sum() == 2
    assert not table.annual_return.isna().any()
    assert table.annual_return.nunique() == len(table)
    assert math.isclose(table.horizon.iloc[0], 21)


@pytest.mark.slow
def test_tickers_too_young_for_any_model_are_evaluated_and_the_command_fails(tmp_path: Path) -> None:
    bars_of("YOUNG", 120, seed=1).to_csv(tmp_path / "bars.csv", index=False)
    command = [
        sys.executable,
        "-m",
        "models",
        "evaluate",
        "--path",
        str(tmp_path / "bars.csv"),
        "--origins",
        "2",
        "--jobs",
        "1",
    ]
    command += ["--models", "har", "--no-garch", "--out", str(tmp_path / "out.parquet"), "--plot", str(tmp_path / "pictures")]
    run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert run.returncode == 1, run.stderr
    assert "error: " in run.stderr
    assert "bars.csv: no forecast has a trained model, the scores are of estimates: 2 of YOUNG: har: 78 bars" in run.stderr
    assert "pictures: none" in run.stdout
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 2


@pytest.mark.slow
def test_forecasts_do_not_know_that_prices_will_stand_in_another_unit(tmp_path: Path) -> None:
    day, *columns = simulated_columns(620, seed=1)
    frame = pd.DataFrame(dict(zip(("open", "high", "low", "close", "volume"), columns, strict=True)))
    frame = frame.assign(date=pd.to_datetime(day + 4, unit="D"), ticker="ABC")
    served = []
    for factor in (1.0, 100.0):
        frame.loc[frame.index[-15:], ["open", "high", "low", "close"]] *= factor  # after the last origin
        frame.to_parquet(tmp_path / "bars.parquet")
        command = [sys.executable, "-m", "models", "evaluate", "--path", str(tmp_path / "bars.parquet"), "--origins", "2"]
        command += ["--models", "har", "--no-garch", "--jobs", "1", "--out", str(tmp_path / "out.parquet")]
        run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        assert run.returncode == 0, run.stderr
        assert ("1 suspect bars are kept" in run.stderr) == (factor == 100.0)
        served.append(pd.read_parquet(tmp_path / "out.parquet"))
    pd.testing.assert_frame_equal(*served, check_exact=True)


@pytest.mark.slow
def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "models", "evaluate", "--path", str(tmp_path / "none.csv"), "--out", str(tmp_path / "o")]
    run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert run.returncode == 1
    assert run.stderr.startswith("error: ")
    assert "no such file" in run.stderr


@pytest.mark.data
@pytest.mark.slow
def test_real_bars_through_a_crisis(shared_data: Path) -> None:
    """Eight large companies from 2008 to 2010: sane numbers throughout, and far better than the past year's volatility."""
    frame = pd.read_parquet(shared_data / "djia31_2006_2017.parquet").dropna()
    frame = frame[(frame.low > 0) & (frame.high >= frame[["open", "close", "low"]].max(axis=1))]
    frame = frame[(frame.low <= frame[["open", "close"]].min(axis=1)) & (frame.date < "2010-06-01")]
    windows = []
    for ticker in sorted(frame.ticker.unique())[:8]:
        part = frame[frame.ticker == ticker]
        day = (part.date.to_numpy().astype("datetime64[D]").astype(np.int64)).astype(np.int32)
        windows.append(
            window_of_columns(ticker, day, *(part[c].to_numpy(float) for c in ("open", "high", "low", "close", "volume")))
        )
    panel = build_panel(evaluated(windows, 26))
    assert min(row.as_of.year for row in panel.rows) == 2008
    for row in panel.rows:
        assert row.fallback is None
        assert abs(row.annual_return or 9.0) < 1.0
        assert 0.05 < (row.annual_volatility or 0.0) < 2.5
    scores = {score.name: score for score in volatility_scores(panel)}
    assert scores[SERVED].qlike < 0.8 * scores["std_252"].qlike
    assert scores[SERVED].rmse < scores["std_252"].rmse
    assert 0.65 < interval_scores(panel)[0].coverage_80 < 0.9


@pytest.mark.slow
def test_ctrl_c_ends_the_command_at_once(tmp_path: Path) -> None:
    pd.concat(bars_of(f"T{k}", 900, seed=k) for k in range(12)).to_parquet(tmp_path / "bars.parquet")
    command = [sys.executable, "-m", "models", "evaluate", "--path", str(tmp_path / "bars.parquet"), "--origins", "6"]
    command += ["--out", str(tmp_path / "out.parquet"), "--jobs", "1", "--no-garch"]
    begun = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "tickers evaluated" in line:
                break
        first = time.monotonic() - begun
        process.send_signal(signal.SIGINT)
        # The first tickers' time tells how quick the machine is; the others would take many times as long.
        assert process.wait(timeout=max(30, 3 * first)) == 130
    assert not (tmp_path / "out.parquet").exists()
