"""What an evaluation could not train is counted by reason, and an evaluation of estimates alone fails."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from evaluation.evaluate_command import evaluate
from evaluation.untrained import untrained_lines
from records import FallbackStep, date_of
from tests.made.bars import walk
from tests.made.rows import forecast, too_young

STILL = "its price stands still at nearly all dates to validate on"


def test_reasons_are_counted_and_models_with_one_reason_stand_together() -> None:
    steps = tuple(FallbackStep(model=name, reason=f"YOUNG: {STILL}") for name in ("har", "lstm"))
    rows = [msgspec.structs.replace(too_young("YOUNG"), fallbacks=steps) for _ in range(3)]
    rows += [too_young(name) for name in ("A", "B")]
    assert list(untrained_lines([*rows, forecast("GOOD")])) == [
        "without a trained model: 5 of 6 forecasts",
        f"  3 of YOUNG: har, lstm: {STILL}",
        "  A, B: har: 196 bars, and it needs at least 504",
    ]


def test_a_candidate_that_failed_beside_others_is_counted() -> None:
    row = forecast("GOOD")
    failed = msgspec.structs.replace(row.candidates[1], failure="GOOD: 300 bars, arima needs 378")
    rows = [msgspec.structs.replace(row, candidates=(row.candidates[0], failed)) for _ in range(2)]
    assert list(untrained_lines(rows)) == ["failed candidates: 2", "  2 of GOOD: arima: 300 bars, arima needs 378"]
    assert list(untrained_lines([row])) == []


def evaluated(path: Path, *arguments: str) -> Result:
    given = ["--path", str(path), "--out", str(path.with_suffix(".parquet")), "--no-garch", "--jobs", "1", "--models", "har"]
    return CliRunner().invoke(evaluate, [*given, *arguments])


def written(path: Path, count: int) -> Path:
    bars = walk(count, start=date_of(15_000))
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("date", "open", "high", "low", "close", "volume"))
        for row in range(len(bars)):
            values = (getattr(bars, name)[row] for name in ("open", "high", "low", "close", "volume"))
            table.writerow((date_of(bars.day[row]).isoformat(), *values))
    return path


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("short") / "YOUNG.csv", 120)


def test_an_evaluation_without_a_trained_model_says_why_once_and_fails(short: Path) -> None:
    """It had printed two lines for each origin and ticker, scored the estimates, and ended with 0."""
    result = evaluated(short, "--origins", "4")
    assert result.exit_code == 1
    assert "no forecast has a trained model" in str(result.exception)
    assert "4 of YOUNG: har: 36 bars, training needs 504 (MINIMUM_BARS), and the like" in str(result.exception)
    assert result.stderr.count("training needs") == 1
    assert "without a trained model: 4 of 4 forecasts" in result.stderr
    assert short.with_suffix(".parquet").exists()


def test_an_evaluation_says_how_the_file_was_read(short: Path) -> None:
    assert "read as: comma CSV" in evaluated(short, "--origins", "1").stderr
    refused = evaluated(short, "--read-as", "close=NONE")
    assert "no such column" in str(refused.exception)


def test_too_few_bars_for_a_forecast_are_given_as_numbers(short: Path) -> None:
    result = evaluated(short, "--horizon", "50", "--origins", "1")
    assert "too few bars to score anything: 120 leave 1 forecast" in str(result.exception)
    shortest = short.with_name("SHORT.csv")
    shortest.write_text("\n".join(short.read_text().splitlines()[:15]))
    message = str(evaluated(shortest).exception)
    assert "too few bars: the longest history has 14, and a forecast with a horizon of 21 bars" in message


def test_a_candidate_that_cannot_be_fitted_does_not_end_the_evaluation(tmp_path: Path) -> None:
    """The shipped market model is of 21 bars ahead: with another horizon the whole evaluation ended with one ticker's error."""
    path = written(tmp_path / "OLD.csv", 560)
    result = evaluated(path, "--horizon", "5", "--origins", "2", "--models", "har,xgboost")
    assert result.exit_code == 0, result.output
    assert "failed candidates: 2" in result.stderr
    assert "2 of OLD: xgboost: the market model is of 21 bars ahead, HORIZON is 5" in result.stderr


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    written(tmp_path / "OLD.csv", 120)
    (tmp_path / "DDD.csv").write_text("")
    result = evaluated(tmp_path, "--origins", "1", "--out", str(tmp_path / "out" / "f.parquet"))
    assert f"not used: DDD: {tmp_path / 'DDD.csv'}: has no bars" in result.stderr
