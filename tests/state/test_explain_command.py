"""`python -m state explain` and `?explain=1` over a state folder: the served row follows from what they print."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from errors import RequestError
from history.forecasting import refresh, training_job
from history.pipeline import absorb
from models.explain.explanation import Explanation
from models.pooling.pool import pool
from models.results import encode_trained
from models.training import train_ticker
from optimizer.session import Session
from optimizer.web import close_app, create_app
from records import Forecast
from settings import Settings
from state.__main__ import main
from state.folder import StateFolder
from state.readers import ForecastReader
from tests.made.bars import batch, walk
from tests.models.explain.recompute import recomputed

SERVED = ("annual_return", "annual_volatility", "lower_80", "upper_80", "lower_95", "upper_95")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state of three trained tickers and a young one, with log-HAR and the market model's trees."""
    path = tmp_path_factory.mktemp("explained") / "state"
    chosen = Settings(_env_file=None, models=("har", "xgboost"), state_dir=path)
    with StateFolder(path).open_writer() as writer:
        for place, (ticker, count) in enumerate({"AAA": 800, "BBB": 801, "CCC": 803, "YOUNG": 150}.items()):
            bars = walk(803, seed=place)[803 - count :]
            message = batch(bars, ticker=ticker)
            state, _ = absorb(None, message, today=message.as_of, settings=chosen)
            assert state is not None
            trained = None if state.due is None else train_ticker(training_job(state, state.due, chosen))
            writer.history.save(state, changed_from=0)
            writer.forecasts.put(refresh(state, trained, chosen))
            if trained is not None:
                writer.models.put(ticker, encode_trained(trained))
    return path


def served(folder: Path, ticker: str) -> Forecast:
    with ForecastReader(folder) as reader:
        return next(row for row in pool(reader.all()) if row.ticker == ticker)


def explained(folder: Path, ticker: str) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["explain", ticker, "--state", str(folder), "--format", "json"])
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def assert_served(printed: dict[str, Any], row: Forecast) -> None:
    fields = {name: printed[name] for name in Explanation.__struct_fields__}
    values = recomputed(msgspec.convert(fields, Explanation))
    for name in SERVED:
        assert math.isclose(values[name], getattr(row, name), rel_tol=1e-9), name


def derived(printed: dict[str, Any]) -> set[str]:
    return {q["name"] for section in printed["sections"] for q in section["quantities"] if "formula" in q}


@pytest.mark.parametrize("ticker", ["AAA", "BBB", "CCC", "YOUNG"])
def test_the_served_row_follows_from_the_printed_numbers(folder: Path, ticker: str) -> None:
    printed = explained(folder, ticker)
    assert printed["missing"] == []
    assert ("own_log_variance" in derived(printed)) == (ticker != "YOUNG")
    assert ("market_delta" in derived(printed)) == (ticker != "YOUNG")
    assert_served(printed, served(folder, ticker))
    assert printed["bars"]["bars"] == printed["bars_used"] or ticker != "YOUNG"
    assert printed["bars"]["last"] == printed["as_of"]


def test_the_newest_bars_part_is_a_difference_of_two_rows(folder: Path) -> None:
    """The number before is that of the row which the same models make of the bars up to the day before."""
    printed = explained(folder, "AAA")
    changes = {change["name"]: change for change in printed["newest_bar_changed"]}
    now = {q["name"]: q["value"] for section in printed["sections"] for q in section["quantities"]}
    assert {"annual_volatility", "own_har_input_range_variance_5", "gap"} <= changes.keys()
    assert all(change["now"] == now[name] != change["before"] for name, change in changes.items())
    slopes = [name for name in changes if name.startswith("own_har_slope_")]
    assert not slopes


def test_text_has_every_number_with_its_formula(folder: Path) -> None:
    result = CliRunner().invoke(main, ["explain", "aaa", "--state", str(folder)])
    assert result.exit_code == 0, result.exception
    printed = explained(folder, "AAA")
    for section in printed["sections"]:
        for quantity in section["quantities"]:
            assert f"{quantity['value']:.15g}" in result.stdout
            assert "formula" not in quantity or f"= {quantity['formula']}" in result.stdout
    assert "validation, walk-forward" in result.stdout
    assert "changed (close" in result.stdout


def test_a_ticker_without_a_row_is_refused_with_advice(folder: Path) -> None:
    result = CliRunner().invoke(main, ["explain", "ZZZ", "--state", str(folder)])
    assert isinstance(result.exception, RequestError)
    assert "publish bars of it" in str(result.exception)


def test_a_folder_of_forecasts_alone_explains_all_but_the_own_part(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "replica").mkdir()
    (tmp_path / "replica" / "forecasts.db").symlink_to(folder / "forecasts.db")
    printed = explained(tmp_path / "replica", "AAA")
    assert printed["missing"] != []
    assert printed["bars"] is None
    assert_served(printed, served(folder, "AAA"))


def test_the_service_explains_a_row(folder: Path) -> None:
    chosen = Settings(_env_file=None, state_dir=folder, price_provider="none")
    with Session.open(chosen) as session:
        app = create_app(chosen, session=session)
        client = app.test_client()
        plain = client.get("/api/forecasts/AAA").json
        answer = client.get("/api/forecasts/AAA?explain=1").json
        assert client.get("/api/forecasts/ZZZ?explain=1").status_code == 404
        close_app(app)
    explanation = answer.pop("explanation")
    assert answer == plain
    assert_served(explanation, served(folder, "AAA"))


def test_what_cannot_be_a_ticker_is_refused_as_such(folder: Path) -> None:
    result = CliRunner().invoke(main, ["explain", "AAA,BBB", "--state", str(folder)])
    assert isinstance(result.exception, RequestError)
    assert "not a ticker: AAA,BBB; write one ticker" in str(result.exception)
