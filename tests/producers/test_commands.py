"""`python -m producers`: what it prints and how it ends."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from click.testing import CliRunner

from errors import SourceError
from producers.__main__ import cli
from producers.sources import read_source
from records.schemas import SCHEMAS
from settings import SuspectBars

ROWS = "date,ticker,open,high,low,close,volume\n2024-01-02,A,1,1,1,1,5\n2024-01-03,A,1,1,1,,5\n2024-01-03,B,1,0.5,1,1,5\n"


@pytest.fixture
def bars(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text(ROWS)
    return str(path)


def invoke(*arguments: str):
    return CliRunner().invoke(cli, arguments)


def test_check_lists_what_is_refused_and_why(bars):
    result = invoke("check", "--source", "file", "--path", bars)
    assert result.exit_code == 1
    assert [line.split() for line in result.stdout.splitlines()[2:4]] == [
        ["A", "1", "1", "0", "0", "0", "2024-01-02", "2024-01-02"], ["B", "0", "1", "0", "0", "0", "-", "-"],
    ]  # fmt: skip
    assert "A            2024-01-03   close missing or not a finite number" in result.stdout
    assert "B            2024-01-03   high below low" in result.stdout
    assert result.stdout.endswith("1 bars of 1 tickers accepted, 2 rejected\n")


def test_check_shortens_a_long_list(bars):
    result = invoke("check", "--source", "file", "--path", bars, "--limit", "1")
    assert "… and 1 more" in result.stdout


def test_check_as_json_has_everything(bars):
    result = invoke("check", "--source", "file", "--path", bars, "--format", "json", "--limit", "0")
    report = json.loads(result.stdout)
    assert report["accepted"] == 1
    assert [ticker["ticker"] for ticker in report["tickers"]] == ["A", "B"]
    assert [(bar["ticker"], bar["reason"]) for bar in report["rejected"]] == [
        ("A", "close missing or not a finite number"),
        ("B", "high below low"),
    ]


def test_check_tells_the_reasons_even_when_no_bar_is_good(bars):
    result = invoke("check", "--source", "file", "--path", bars, "--tickers", "B")
    assert isinstance(result.exception, SourceError)
    assert "high below low" in result.stdout


SUSPECT = """date,open,high,low,close,volume
2024-01-02,50,50,50,50,9
2024-01-03,50,50,50,50,9
2024-01-05,50,50,50,50,9
2024-01-08,5000,5000,5000,5000,9
2024-01-09,50,50,50,50,9
"""


def test_check_shows_suspect_bars_and_missing_sessions(tmp_path, monkeypatch):
    path = tmp_path / "AAPL.csv"
    path.write_text(SUSPECT)
    monkeypatch.setenv("SUSPECT_BARS", "keep")
    result = invoke("check", "--source", "file", "--path", str(path))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[2].split()[1:6] == ["5", "0", "1", "1", "0"]
    assert "AAPL         2024-01-08 hundredfold: close 5000 after 50\n" in result.stdout
    assert "AAPL         2024-01-04\n" in result.stdout
    monkeypatch.delenv("SUSPECT_BARS")
    result = invoke("check", "--source", "file", "--path", str(path), "--format", "json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["accepted"] == 4
    assert report["rejected"][0]["reason"] == "suspect, hundredfold: close 5000 after 50"
    assert report["suspicions"][0]["rule"] == "hundredfold"
    assert report["tickers"][0]["missing"] == ["2024-01-04"]


@pytest.mark.parametrize(("setting", "accepted"), [("keep", 5), ("impossible", 5), ("quarantine", 4)])
def test_a_spike_is_held_out_by_quarantine_alone(tmp_path, monkeypatch, setting, accepted):
    path = tmp_path / "AAPL.csv"
    path.write_text(SUSPECT.replace("5000", "80"))
    monkeypatch.setenv("SUSPECT_BARS", setting)
    report = json.loads(invoke("check", "--source", "file", "--path", str(path), "--format", "json").stdout)
    assert report["accepted"] == accepted
    assert [one["rule"] for one in report["suspicions"]] == ["spike"]


@pytest.mark.parametrize("setting", ["keep", "impossible", "quarantine"])
def test_what_lies_before_another_unit_comes_in_it(tmp_path, setting, caplog):
    days = [dt.date(2024, 1, 1) + dt.timedelta(day) for day in range(40)]
    prices = [50.0] * 20 + [5000.0] * 20
    path = tmp_path / "AAPL.csv"
    path.write_text(
        "date,open,high,low,close,volume\n" + "".join(f"{d},{p},{p},{p},{p},9\n" for d, p in zip(days, prices, strict=True))
    )
    source = read_source("file", path=path, today=dt.date(2024, 6, 28), suspect_bars=SuspectBars(setting))
    (batch,) = source
    assert batch.close == (prices if setting == "keep" else [5000.0] * 40)
    assert batch.volume == [9.0] * 40
    assert [(one.date, one.rule) for one in source.suspicions] == [(days[20], "unit_change")]
    assert ("since=2024-01-21 evidence=close 5000 after 50, and" in caplog.text) == (setting != "keep")


def test_check_of_good_bars_ends_with_zero():
    result = invoke("check", "--tickers", "FB,IBM")
    assert result.exit_code == 0
    assert result.stdout.endswith("3,466 bars of 2 tickers accepted, 0 rejected\n")
    assert "bars checked" in result.stderr


@pytest.mark.parametrize("text", ["yesterday", "20240131", "2024-W05-3", "2024-1-31", "2024-02-30"])
def test_a_wrong_date_is_a_usage_error(text: str):
    result = invoke("check", "--start", text)
    assert result.exit_code == 2
    assert f"'{text}' is not a date; write it as 2024-01-31" in result.stderr


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_printed(name: str):
    assert json.loads(invoke("schema", name).stdout)["$schema"].startswith("https://json-schema.org/")
