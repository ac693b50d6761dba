"""A ticker's row, as both engines make it: if its models fail, there is still a row, and it gives the reason."""

from __future__ import annotations

import pytest

from errors import SchemaError, StateCorruptError
from history.forecasting import training_job
from models.results import TrainedTicker
from models.serving import LoadedTicker, load_trained
from streams.rows import make_row, readable_models, readable_row
from tests.made.bars import walk
from tests.made.histories import backfill, due_of
from tests.streams.leaning import LEANING, train_leaning
from tests.streams.scenarios import CHEAP
from tests.streams.trained import state, trained


def nothing() -> None:
    return None


def test_without_a_result_the_due_training_is_missing() -> None:
    row, missing = make_row(state(), None, load_trained, CHEAP, reason="out of memory", previous=nothing)
    assert missing == state().due
    assert row.fallbacks[0].reason == "out of memory"


def test_with_its_result_nothing_is_missing() -> None:
    row, missing = make_row(state(), trained(), load_trained, CHEAP, reason=None, previous=nothing)
    assert (row.fallback, missing) == (None, None)


def test_models_that_cannot_be_decoded_leave_a_row_that_says_so(caplog: pytest.LogCaptureFixture) -> None:
    def load(_trained: TrainedTicker) -> LoadedTicker:
        raise StateCorruptError("garbage")

    row, missing = make_row(state(), trained(), load, CHEAP, reason=None, previous=nothing)
    assert row.fallbacks[0].reason == "its trained models failed: StateCorruptError: garbage"
    assert missing is None
    assert "models failed ticker=ABC" in caplog.text


def test_a_row_of_a_newer_version_is_an_error_and_no_fallback() -> None:
    def previous() -> None:
        raise SchemaError("upgrade it first")

    bars = backfill(walk(605, 1), LEANING)
    leaning = train_leaning(training_job(bars, due_of(bars), LEANING))
    with pytest.raises(SchemaError):
        make_row(bars, leaning, load_trained, LEANING, reason=None, previous=previous)


def test_damaged_models_and_rows_are_as_if_there_were_none(caplog: pytest.LogCaptureFixture) -> None:
    def damaged() -> None:
        raise StateCorruptError("a hole")

    assert readable_models("ABC", damaged) is None
    assert "stored models unreadable, trained again ticker=ABC reason=a hole" in caplog.text
    assert readable_row("ABC", damaged) is None
    assert "unreadable forecast row not used ticker=ABC reason=a hole" in caplog.text
    assert readable_models("ABC", lambda: 7) == 7

    def newer() -> None:
        raise SchemaError("upgrade it first")

    with pytest.raises(SchemaError):
        readable_row("ABC", newer)
