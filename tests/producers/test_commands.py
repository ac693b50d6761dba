"""`python -m producers`: what it prints and how it ends."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from errors import SourceError
from producers.__main__ import SCHEMAS, cli

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
    assert [line.split() for line in result.stdout.splitlines()[1:3]] == [
        ["A", "1", "1", "2024-01-02", "2024-01-02"], ["B", "0", "1", "-", "-"],
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


def test_check_of_good_bars_ends_with_zero():
    result = invoke("check", "--tickers", "FB,IBM")
    assert result.exit_code == 0
    assert result.stdout.endswith("3,466 bars of 2 tickers accepted, 0 rejected\n")
    assert "bars checked" in result.stderr


def test_a_wrong_date_is_a_usage_error():
    result = invoke("check", "--start", "yesterday")
    assert result.exit_code == 2
    assert "'yesterday' is not a date; write it as 2024-01-31" in result.stderr


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_printed(name: str):
    assert json.loads(invoke("schema", name).stdout)["$schema"].startswith("https://json-schema.org/")
