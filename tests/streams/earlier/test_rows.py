"""Rows as of earlier dates from a state folder: the same from the embedded engine's tables and from a worker's copies."""

from __future__ import annotations

import datetime as dt
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from history.pipeline import absorb
from models.results import encode_trained
from records import EARLIER, Forecast, decode_forecast, encode_forecast
from state.database import Database
from state.earlier_messages import Answer, Question, encode_message, read_message
from state.folder import StateFolder
from state.model_store import STORED_VERSION, StoredModel, encode_stored
from state.readers import HistoryReader
from state.stamp import Revision
from streams.earlier.rows import EarlierRows
from tests.conftest import ROOT
from tests.made.bars import TODAY, batch
from tests.made.traded import (
    BARS,
    CHOSEN,
    CUTOFF,
    date_at,
    rows_up_to,
    run_folder,
    settings_of,
    state_up_to,
    training_of,
    write_run,
)
from tests.state.worker_copies import put, stamped, table

TICKERS = tuple(BARS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_folder(tmp_path_factory)


@pytest.fixture(scope="module")
def rows(folder: Path) -> Iterator[EarlierRows]:
    with EarlierRows(settings_of(folder)) as opened:
        yield opened


def made(answer: Answer) -> dict[str, Forecast]:
    assert answer.rows is not None
    return {row.ticker: row for row in map(decode_forecast, answer.rows)}


def test_rows_are_those_of_a_run_up_to_the_date(rows: EarlierRows) -> None:
    wanted = rows_up_to(-2)
    answer = rows.answer(Question(date_at(-3), TICKERS))
    assert {row: encode_forecast(each) for row, each in made(answer).items()} == {
        row: encode_forecast(each) for row, each in wanted.items()
    }
    assert answer.missing == {}
    # On a Saturday the newest bar is Friday's, which the newest training ends with.
    assert {row.as_of for row in made(rows.answer(Question(date_at(CUTOFF) + dt.timedelta(days=1), TICKERS))).values()} == {
        date_at(CUTOFF)
    }


def test_before_the_last_training_the_baseline_serves_and_says_so(rows: EarlierRows) -> None:
    found = made(rows.answer(Question(date_at(CUTOFF - 1), TICKERS)))
    for ticker in ("AAA", "BBB", "CCC"):
        assert found[ticker].fallbacks[0].model == EARLIER
        assert str(date_at(CUTOFF)) in found[ticker].fallbacks[0].reason
    assert [step.model for step in found["NEW"].fallbacks] == ["trained"]


def test_ten_sessions_are_the_default_and_more_have_a_reason(rows: EarlierRows, folder: Path) -> None:
    assert rows.answer(Question(date_at(-11), TICKERS)).missing == {}
    missing = rows.answer(Question(date_at(-12), TICKERS)).missing
    assert missing["AAA"] == (
        "the end date is 11 sessions before the newest bar: forecasts reach back 10 sessions (EARLIER_SESSIONS)"
    )
    with EarlierRows(settings_of(folder, earlier_sessions=11)) as further:
        assert further.answer(Question(date_at(-12), TICKERS)).missing == {}


def test_an_answer_is_made_anew_only_where_its_bars_or_models_change(tmp_path: Path) -> None:
    write_run(tmp_path, {"AAA": BARS["AAA"], "CCC": BARS["CCC"]})
    with EarlierRows(settings_of(tmp_path)) as rows:
        question = Question(date_at(-3), ("AAA", "CCC"))
        first = rows.answer(question)
        again = rows.answer(replace_revision(question, first.revision))
        assert (again.revision, again.rows) == (first.revision, None)
        with HistoryReader(tmp_path) as reader:
            state = reader.state("AAA")
        bar = BARS["AAA"][-5:-4]
        mended = replace(bar, close=bar.close * 1.001, high=bar.high * 1.01)
        state, _ = absorb(state, batch(mended, as_of=TODAY), today=TODAY, settings=CHOSEN)
        with StateFolder(tmp_path).open_writer() as writer:
            writer.history.save(state, changed_from=0)
    with EarlierRows(settings_of(tmp_path)) as rows:
        second = rows.answer(replace_revision(question, first.revision))
        before, now = made(first), made(second)
        assert encode_forecast(now["AAA"]) != encode_forecast(before["AAA"])
        assert encode_forecast(now["CCC"]) == encode_forecast(before["CCC"])


def test_a_change_while_the_process_runs_is_seen(tmp_path: Path) -> None:
    write_run(tmp_path, {"AAA": BARS["AAA"]})
    with EarlierRows(settings_of(tmp_path)) as rows:
        question = Question(date_at(-3), ("AAA",))
        first = rows.answer(question)
        with StateFolder(tmp_path).open_writer() as writer:
            writer.history.save(state_up_to("AAA", BARS["AAA"][:-1]), changed_from=0)
        rows._histories._copies._own._refreshed_at = None
        second = rows.answer(replace_revision(question, first.revision))
        assert second.revision != first.revision
        # The bar that left is later than the date.
        assert second.rows == first.rows


def replace_revision(question: Question, revision: str) -> Question:
    return Question(question.date, question.tickers, revision)


def test_a_workers_copies_give_the_same_bytes(tmp_path: Path, rows: EarlierRows) -> None:
    revision = Revision(1, 1000)
    state = state_up_to("AAA", BARS["AAA"])
    put(tmp_path, "one", rows_up_to(None)["AAA"], state, revision)
    trained = training_of(state)
    assert trained is not None
    with Database.open_writer(table(tmp_path, "one", "models")) as database:
        stored = encode_stored(StoredModel(STORED_VERSION, 0.0, encode_trained(trained)))
        database.write([stamped(b"AAA", stored, revision)])
    for row in (-3, CUTOFF - 2):
        question = Question(date_at(row), ("AAA",))
        with EarlierRows(settings_of(tmp_path)) as copies:
            assert copies.answer(question).rows == rows.answer(question).rows


def test_a_folder_of_forecasts_alone_has_no_bars_and_says_so(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "made").open_writer() as writer:
        writer.forecasts.put(rows_up_to(None)["AAA"])
    (tmp_path / "replica").mkdir()
    (tmp_path / "made" / "forecasts.db").rename(tmp_path / "replica" / "forecasts.db")
    with EarlierRows(settings_of(tmp_path / "replica")) as rows:
        answer = rows.answer(Question(date_at(-3), ("AAA",)))
    assert answer.rows == ()
    assert "REPLICA_BARS" in answer.missing["AAA"]


def test_a_ticker_that_fails_costs_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_run(tmp_path, {"AAA": BARS["AAA"], "CCC": BARS["CCC"]})
    with StateFolder(tmp_path).open_writer() as writer:
        writer.models.put("CCC", b"damaged")
        state = state_up_to("AAA", BARS["AAA"])
        writer.history.save(replace(state, snapshots=state.snapshots[:, :5]), changed_from=0)
    with EarlierRows(settings_of(tmp_path)) as rows:
        answer = rows.answer(Question(date_at(-3), ("AAA", "CCC", "GONE")))
    assert set(made(answer)) == {"CCC"}
    assert "no trained models are stored" in made(answer)["CCC"].fallbacks[0].reason
    assert "AAA: the block of bar 0 has sizes" in answer.missing["AAA"]
    assert "no bars of it" in answer.missing["GONE"]
    assert any("stored models unreadable" in message and "CCC" in message for message in caplog.messages)


def test_the_process_answers_and_ends_with_its_questions(folder: Path, rows: EarlierRows) -> None:
    question = Question(date_at(-3), TICKERS)
    values = settings_of(folder).model_dump(mode="json", exclude={"api_token", "kafka_password"})
    process = subprocess.run(
        [sys.executable, "-m", "streams.earlier"], input=encode_message(values) + encode_message(question) * 2, cwd=ROOT,
        capture_output=True, env=os.environ, timeout=300, check=True,
    )  # fmt: skip
    sent = io.BytesIO(process.stdout)
    for _ in range(2):
        answer = read_message(sent.read, Answer)
        assert answer is not None
        assert answer.rows == rows.answer(question).rows
    assert not sent.read()
