"""Readers of a damaged state: everything or one clear error, and everything again once it is repaired."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from errors import StateError
from history.ticker_state import same_state
from records import Forecast
from state.folder import FORECASTS, HISTORY, StateFolder
from state.readers import ForecastReader, HistoryReader
from tests.made.histories import history
from tests.made.rows import forecast
from tests.state.damage import CASES, DAMAGES

TICKERS = [f"T{number}" for number in range(8)]


@pytest.fixture(scope="module", params=["closed", "killed"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state in table files and, where its writer was killed, in write-ahead logs too."""
    made, left = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("left") / "state"
    for part in (TICKERS[:4], TICKERS[4:]):
        with StateFolder(made).open_writer() as writer:
            for ticker in part:
                writer.history.save(history(ticker, 300), changed_from=0)
                writer.forecasts.put(forecast(ticker))
            if request.param == "killed":
                shutil.rmtree(left, ignore_errors=True)
                shutil.copytree(made, left)
    return left if left.exists() else made


@pytest.fixture
def folder(tmp_path: Path, original: Path) -> Path:
    return shutil.copytree(original, tmp_path / "state")


def rows_of(reader: ForecastReader) -> list[Forecast]:
    return reader.all()


def histories_of(reader: HistoryReader) -> list[str]:
    tickers = reader.tickers()
    for ticker in tickers:
        state = reader.state(ticker)
        assert state is not None
        assert same_state(state, history(ticker, 300))
    return tickers


def check(read: Callable[[], list[object]], whole: list[object], *, older: bool) -> None:
    """All, or an error that says what to do; what a killed writer wrote last may be lost with its log."""
    found: list[object] | str
    try:
        found = read()
    except StateError as error:
        found = str(error)
    if isinstance(found, str):
        assert "run" in found
    elif found != whole:
        assert older
        assert len(found) >= len(whole) // 2
        assert found == whole[: len(found)]


@pytest.mark.parametrize("opened", ["before", "after"])
@pytest.mark.parametrize(("kind", "damage"), CASES)
def test_everything_or_an_error_and_everything_once_repaired(
    folder: Path, original: Path, opened: str, kind: str, damage: str
) -> None:
    whole = [forecast(ticker) for ticker in TICKERS]
    older = kind == "*.log"
    with ForecastReader(folder, refresh_seconds=0) as rows, HistoryReader(folder, refresh_seconds=0) as histories:
        if opened == "before":
            assert rows_of(rows) == whole
            assert histories_of(histories) == TICKERS
        for name in (FORECASTS, HISTORY):
            for file in (folder / name).glob(kind):
                DAMAGES[damage](file)
        check(lambda: rows_of(rows), whole, older=older)
        check(lambda: histories_of(histories), TICKERS, older=older)
        for name in (FORECASTS, HISTORY):  # a backup, with the identity that it had
            shutil.rmtree(folder / name)
            shutil.copytree(original / name, folder / name)
        assert rows_of(rows) == whole
        assert histories_of(histories) == TICKERS
