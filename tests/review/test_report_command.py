"""`tidecast report` over a state that the engine made: one page, every part of it, and what it covers."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from errors import RequestError, StateMissingError
from review.__main__ import cli
from review.page import page
from review.report_command import report
from state.folder import StateFolder
from tests.made.bars import walk
from tests.made.histories import backfill
from tests.made.market import row
from tests.streams.scenarios import CHEAP

ENVIRONMENT = {"MODELS": "har", "LOOKBACK": "378", "MINIMUM_BARS": "378", "HISTORY_BARS": "630"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "state"
    with StateFolder(folder).open_writer() as writer:
        for number, ticker in enumerate(("AAA", "BBB")):
            bars = walk(520, number)
            from dataclasses import replace

            writer.history.save(replace(backfill(bars, CHEAP), ticker=ticker), changed_from=0)
            writer.forecasts.put(row(ticker, bars))
    return folder


def run(folder: Path, *arguments: str):
    return CliRunner().invoke(report, ["--state", str(folder), "--jobs", "1", *arguments], env=ENVIRONMENT)


def test_a_fresh_folder_is_judged_by_replayed_forecasts(made: Path) -> None:
    result = run(made, "--replay", "5")
    assert result.exit_code == 0, result.output
    text = (made / "report" / "report.html").read_text(encoding="utf-8")
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(set(ids)) == len(ids), "HTML allows an id once in a page"
    assert {a or b for a, b in re.findall(r"url\(#([^)]*)\)|href=\"#([^\"]*)\"", text)} <= set(ids)
    found = json.loads((made / "report" / "report.json").read_text(encoding="utf-8"))
    (section,) = found["sections"]
    assert (section["source"], section["horizon"], section["losses"]["forecasts"]) == ("replayed", 21, 10)
    assert section["verdict"] in result.output
    assert found["recorded"] is not None
    assert found["not_judged"]["recorded"]["open"] == 2
    for part in ("By model", "By month", "Worst tickers", "Drift", "What this covers"):
        assert part in text
    assert text.count("<svg") == 6
    assert not re.search(r"<script|<link|(?:src|href)=.https?:", text)


def test_without_anything_to_judge_it_says_so(made: Path, tmp_path: Path) -> None:
    result = run(made, "--replay", "0", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "no recorded forecast's horizon has ended yet" in result.output
    assert "nothing to judge" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_ticker_without_a_forecast_is_refused(made: Path) -> None:
    """The report of a mistyped ticker had nothing in it, and ended with 0."""
    result = run(made, "--tickers", "aaa,ZZZ", "--replay", "0")
    assert isinstance(result.exception, RequestError)
    assert str(result.exception) == "no forecast for ZZZ: leave --tickers out for all"


def test_the_command_of_the_reference_runs(made: Path, tmp_path: Path) -> None:
    """`python -m review report`, as docs/reference/commands.md has it, was refused for an extra argument."""
    result = CliRunner().invoke(cli, ["report", "--state", str(made), "--replay", "0", "--out", str(tmp_path)], env=ENVIRONMENT)
    assert result.exit_code == 0, result.output


def test_names_from_outside_cannot_write_html(made: Path) -> None:
    from datetime import UTC, datetime

    from review.drift_evidence import DriftEvidence, Watched
    from review.report import Report

    drift = DriftEvidence(1, 1, 0, 0.1, (Watched("<b>A", "return", 1.0, 0.1, 3, None),))
    text = page(Report(datetime(2024, 1, 1, tzinfo=UTC), [], {}, None, drift, ["<i>note"]), "<u>title")
    assert not re.search(r"<b>A|<i>note|<u>title", text)


def test_a_folder_of_rows_alone_has_nothing_to_replay(made: Path, tmp_path: Path) -> None:
    """As on the host of a replica without bars."""
    shutil.copytree(made / "forecasts.db", tmp_path / "state" / "forecasts.db")
    result = run(tmp_path / "state")
    assert result.exit_code == 0, result.output
    assert "this folder has no bars of them" in result.output


def test_a_folder_without_rows_is_refused_with_advice(tmp_path: Path) -> None:
    result = run(tmp_path / "state")
    assert isinstance(result.exception, StateMissingError)
