"""`python -m state`: the table for people, exports for programs, one message for what goes wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from errors import ForecastingError, RequestError, StateCorruptError, StateError, StateMissingError, StateWriteError
from records import RETURN_LIMITED, FallbackStep, Forecast
from state import export
from state.__main__ import main
from state.database import Database
from state.folder import FORECASTS, StateFolder
from tests.conftest import ROOT
from tests.made.histories import history
from tests.made.rows import forecast, newer_forecast, too_young
from tests.waiting import PATIENCE_SECONDS


def state(*arguments: object) -> Result:
    """The command's result; an error on purpose is its `exception`, which `run_cli` turns into a line and a code."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def in_a_process(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "state", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=PATIENCE_SECONDS, check=False)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "state"
    with StateFolder(path).open_writer() as writer:
        for row in (forecast("MSFT"), forecast("AAPL", annual_return=-0.0512), too_young("FB")):
            writer.forecasts.put(row)
        writer.history.save(history("AAPL", 3), changed_from=0)
    return path


@pytest.fixture
def folder(tmp_path: Path, made_once: Path) -> Path:
    return shutil.copytree(made_once, tmp_path / "state")


def test_the_table(folder: Path) -> None:
    finished = state("forecasts", "--state", folder)
    assert finished.exit_code == 0, finished.exception
    lines = finished.stdout.splitlines()
    assert all(len(line) <= 120 for line in lines)
    cells = [line.split() for line in lines[2:]]
    assert " ".join(cells[0]) == "AAPL 2018-02-07 -5.1 -7.0 … 9.0 xgboost 0.012 6.1 20.0 har 0.310 5.2"
    assert [row[0] for row in cells] == ["AAPL", "FB", "MSFT", "FB:", "machine"]
    assert lines[-1] == "machine learning: no weight in any forecast; the evidence does not carry it"
    assert lines[-2] == "FB: the historical estimate stands in. har: 196 bars, and it needs at least 504"


def test_the_table_says_where_a_return_is_limited() -> None:
    limited = forecast(
        "WILD", annual_return=1.0, fallbacks=(FallbackStep(model=RETURN_LIMITED, reason="a return of +136.0% is expected"),)
    )
    failed = forecast("CALM", fallbacks=(FallbackStep(model="lstm", reason="too few bars"),))
    lines = export.rows_to_table([limited, failed]).splitlines()
    assert lines[-1] == "WILD: a return of +136.0% is expected"
    assert not any("too few bars" in line for line in lines)


def test_the_table_of_long_names_and_reasons_fits_its_width() -> None:
    reason = "the optimizer of the likelihood did not converge after 50 iterations " * 5
    row = too_young("005930.KS")
    steps = tuple(FallbackStep(model=f"model {number}", reason=f"{number} {reason}") for number in range(4))
    row = msgspec.structs.replace(row, fallbacks=steps)
    none = dict.fromkeys(
        ("annual_return", "annual_volatility", "return_standard_error", "lower_80", "upper_80", "lower_95", "upper_95")
    )
    nothing = forecast("X", fallback=None, return_model=None, volatility_model=None, **none)
    widest = forecast("WIDE", volatility_model="xgboost", annual_return=-1.2349, lower_80=-0.9876, upper_80=12.345)
    text = export.rows_to_table([row, nothing, widest])
    assert all(len(line) <= export.TABLE_WIDTH for line in text.splitlines())
    for whole in ("005930.KS", "historical", "-123.5", "-98.8 … 1234.5", "xgboost  0.310"):
        assert whole in text
    assert text.count("converge") == 20
    assert "TICKER-OF-20-LETTERS" in export.rows_to_table([forecast("TICKER-OF-20-LETTERS"), row, widest])
    assert "X: no forecast. no reason recorded" in text


def test_json_has_the_rows_whole(folder: Path) -> None:
    finished = state("forecasts", "--state", folder, "--format", "json")
    rows = msgspec.json.decode(finished.stdout, type=list[Forecast])
    assert rows == [forecast("AAPL", annual_return=-0.0512), too_young("FB"), forecast("MSFT")]


def test_csv_and_parquet_have_the_same_exact_numbers(folder: Path, tmp_path: Path) -> None:
    finished = state("forecasts", "--state", folder, "--format", "parquet", "--out", tmp_path / "rows.parquet")
    assert finished.exit_code == 0, finished.exception
    assert finished.stdout == ""
    parquet = pd.read_parquet(tmp_path / "rows.parquet")
    assert list(parquet["ticker"]) == ["AAPL", "FB", "MSFT"]
    assert parquet["annual_return"].tolist() == [-0.0512, 0.08, 0.08]
    assert parquet["fallback"].tolist()[1] == "historical"
    assert pd.isna(parquet["fallback"][0])
    (tmp_path / "rows.csv").write_bytes(state("forecasts", "--state", folder, "--format", "csv").stdout_bytes)
    csv = pd.read_csv(tmp_path / "rows.csv")
    assert list(csv.columns) == list(parquet.columns)
    for column in parquet.select_dtypes("number"):
        assert csv[column].tolist() == parquet[column].tolist()


@pytest.mark.parametrize("form", ["table", "json", "csv", "parquet"])
def test_exports_of_equal_tables_are_equal_to_the_byte(tmp_path: Path, form: str) -> None:
    rows = [forecast("MSFT"), forecast("AAPL"), too_young("FB")]
    contents = []
    for number, order in enumerate((rows, rows[::-1])):
        with StateFolder(tmp_path / str(number)).open_writer() as writer:
            for row in order:
                writer.forecasts.put(forecast(row.ticker, annual_return=0.5))
                writer.forecasts.put(row)
        assert state("forecasts", "--state", tmp_path / str(number), "--format", form, "--out", tmp_path / "out").exit_code == 0
        contents.append((tmp_path / "out").read_bytes())
    assert contents[0] == contents[1]
    assert list(tmp_path.glob(".out*")) == []


def test_tickers_are_chosen_and_a_missing_one_is_named(folder: Path) -> None:
    finished = state("forecasts", "--state", folder, "--tickers", "msft, AAPL", "--format", "json")
    assert [row["ticker"] for row in json.loads(finished.stdout_bytes)] == ["AAPL", "MSFT"]
    finished = state("forecasts", "--state", folder, "--tickers", "MSFT,IBM", "--format", "json")
    assert [row["ticker"] for row in json.loads(finished.stdout_bytes)] == ["MSFT"]
    assert isinstance(finished.exception, RequestError)
    assert str(finished.exception).startswith("no forecast for IBM: ")


def test_the_bars_of_a_ticker(folder: Path, tmp_path: Path) -> None:
    finished = state("history", "--state", folder, "--ticker", "aapl")
    (tmp_path / "bars.csv").write_bytes(finished.stdout_bytes)
    frame = pd.read_csv(tmp_path / "bars.csv")
    bars = history("AAPL", 3).bars
    assert frame["date"].tolist() == ["2011-01-26", "2011-01-27", "2011-01-28"]
    for name in ("open", "high", "low", "close", "volume", "dividend", "split"):
        assert frame[name].tolist() == getattr(bars, name).tolist()


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["forecasts", "--state", "none"], StateMissingError, "python -m streams run"),
        (["history", "--state", "none", "--ticker", "AAPL"], StateMissingError, "python -m streams run"),
        (["history", "--state", "state", "--ticker", "IBM"], RequestError, "no history for IBM"),
        (["history", "--state", "state", "--ticker", "brk.b"], RequestError, "no history for BRK-B"),
        (["history", "--state", "state", "--ticker", "AAPL,IBM"], RequestError, "one ticker"),
        (["forecasts", "--state", "state", "--tickers", "A B"], RequestError, "not a ticker: A B"),
        (["forecasts", "--state", "state", "--tickers", ","], RequestError, "not a ticker: ','"),
        (["forecasts", "--state", "state", "--format", "csv", "--out", "none/rows.csv"], StateWriteError, "name another --out"),
        (["forecasts", "--state", "damaged"], StateCorruptError, "run `python -m streams run` (or its worker) again"),
    ],
)
def test_errors_say_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], kind: type[ForecastingError], message: str
) -> None:
    with monkeypatch.context() as there:
        there.chdir(folder.parent)
        shutil.copytree("state", "damaged")
        Path("damaged", FORECASTS, "CURRENT").unlink()
        finished = state(*arguments)
    assert type(finished.exception) is kind
    assert message in str(finished.exception)
    assert finished.stdout == ""


def test_the_process_prints_one_line_and_fails(tmp_path: Path) -> None:
    finished = in_a_process("forecasts", "--state", tmp_path / "none")
    assert finished.returncode == 1
    assert finished.stdout == b""
    assert finished.stderr.startswith(b"error: no state in ")
    assert finished.stderr.count(b"\n") == 1


def test_parquet_needs_a_file(folder: Path) -> None:
    finished = state("forecasts", "--state", folder, "--format", "parquet")
    assert finished.exit_code == 2
    assert "--format parquet needs --out" in finished.stderr


def test_a_row_of_a_newer_version_is_named_and_the_others_are_printed(folder: Path) -> None:
    with Database.open_writer(folder / FORECASTS) as database:
        database.write([(b"FB", newer_forecast("FB"))])
    finished = state("forecasts", "--state", folder, "--format", "json")
    assert [row["ticker"] for row in json.loads(finished.stdout_bytes)] == ["AAPL", "MSFT"]
    assert isinstance(finished.exception, StateError)
    assert str(finished.exception).startswith("rows left out: FB: ")
    assert "upgrade" in str(finished.exception)
