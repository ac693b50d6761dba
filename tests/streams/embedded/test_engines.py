"""Scenarios that every engine passes: the same rows to the byte, whatever the delivery, the workers and the faults beside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from errors import SchemaError
from models.results import decode_trained, encode_trained
from records import BarBatch, RejectedBar, decode_forecast
from settings import Settings, WindowPeriod
from state.database import Database
from state.folder import FORECASTS, MODELS, StateFolder
from streams.embedded.engine import EmbeddedEngine
from streams.embedded.summary import Summary
from streams.training.pool import TrainingPool
from tests.history.made import FETCHED, TODAY
from tests.streams.scenarios import (
    CHEAP,
    CURSED,
    Engine,
    batches,
    dealt,
    export,
    market,
    silent,
    train_or_fail,
    until,
    with_volume,
)


class Embedded:
    """The embedded engine; keeps the summary of its last run."""

    def __init__(self, pool: TrainingPool) -> None:  # type: ignore[type-arg]
        self.pool = pool
        self.summary = Summary()

    def run(
        self,
        items: Iterable[BarBatch | RejectedBar],
        state_dir: Path,
        settings: Settings = CHEAP,
        *,
        train: bool = True,
        ttl_seconds: float = 86400.0,
    ) -> None:
        with StateFolder(state_dir).open_writer(model_ttl_seconds=ttl_seconds) as writer:
            engine = EmbeddedEngine(
                writer, settings, state_dir=state_dir, today=TODAY, pool=self.pool if train else None, progress=silent
            )
            self.summary = engine.run(items)


@pytest.fixture(
    scope="module",
    params=[pytest.param(2, id="embedded-2-jobs"), pytest.param(1, id="embedded-1-job", marks=pytest.mark.slow)],
)
def embedded(request: pytest.FixtureRequest) -> Iterator[Embedded]:
    with TrainingPool(train_or_fail, jobs=request.param, deadline_seconds=60, preload=()) as pool:
        yield Embedded(pool)


@pytest.fixture
def engine(embedded: Embedded) -> Engine:
    return embedded


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of an uninterrupted run over the whole market."""
    folder = tmp_path_factory.mktemp("whole")
    with TrainingPool(train_or_fail, jobs=2, deadline_seconds=60, preload=()) as pool:
        Embedded(pool).run(batches(market()), folder)
    return folder


# -- Every engine ---------------------------------------------------------------------------------------------------------


def test_every_ticker_has_a_row_at_its_last_bar(whole: Path) -> None:
    bars = market()
    rows = {ticker: decode_forecast(row) for ticker, row in export(whole).rows.items()}
    assert set(rows) == set(bars)
    for ticker, row in rows.items():
        assert row.as_of == bars[ticker].last_date
        assert row.last_close == bars[ticker].close[-1]
    for ticker in ("AAA", "BBB", "CCC"):
        assert rows[ticker].fallback is None
        assert rows[ticker].training_cutoff is not None
        assert rows[ticker].training_cutoff < rows[ticker].as_of
    assert rows["YOUNG"].fallback == "historical"
    assert rows["YOUNG"].fallbacks[0].reason == "150 bars, 378 needed to train"
    assert rows["STILL"].annual_return is None
    assert rows["STILL"].fallbacks


def test_any_batching_gives_the_same_rows(engine: Engine, whole: Path, tmp_path: Path) -> None:
    engine.run(batches(market(), 97), tmp_path)
    assert export(tmp_path) == export(whole)


def test_tickers_in_turns_give_the_same_rows(engine: Engine, whole: Path, tmp_path: Path) -> None:
    engine.run(dealt(batches(market(), 60)), tmp_path)
    assert export(tmp_path) == export(whole)


def test_repeats_give_the_same_rows(engine: Engine, whole: Path, tmp_path: Path) -> None:
    items = batches(market())
    engine.run([*items, *items[::-1]], tmp_path)
    assert export(tmp_path) == export(whole)


def test_one_run_after_the_other_gives_the_same_rows(engine: Engine, whole: Path, tmp_path: Path) -> None:
    for fraction in (0.5, 0.9, 0.99, 1.0):
        engine.run(batches(until(market(), fraction)), tmp_path)
    assert export(tmp_path) == export(whole)


def test_a_correction_gives_the_rows_of_the_corrected_history(engine: Engine, whole: Path, tmp_path: Path) -> None:
    bars = market()
    wrong = {**bars, "AAA": with_volume(bars["AAA"], -20, 3.0), "BBB": with_volume(bars["BBB"], -1, 0.1)}
    engine.run(batches(wrong, as_of=FETCHED - dt.timedelta(days=1)), tmp_path)
    assert export(tmp_path) != export(whole)
    engine.run(batches(bars), tmp_path)
    assert export(tmp_path) == export(whole)


def test_a_failing_ticker_stops_no_other(engine: Engine, whole: Path, tmp_path: Path) -> None:
    bars = market()
    engine.run(batches({**bars, CURSED: bars["AAA"]}), tmp_path)
    found, wanted = export(tmp_path).rows, export(whole).rows
    row = decode_forecast(found.pop(CURSED))
    assert found == wanted
    assert row.fallback == "historical"
    assert "RuntimeError: a defect of its own" in row.fallbacks[0].reason


def test_bad_bars_stop_no_good_one(engine: Engine, whole: Path, tmp_path: Path) -> None:
    items: list[BarBatch | RejectedBar] = list(batches(market()))
    bad = batches({"AAA": market()["AAA"][:3], "NEVER": market()["AAA"][:3]})
    for item in bad:
        item.close[:] = [None, float("inf"), -1.0]
    engine.run([RejectedBar("AAA", "2012-02-30", "not a date"), *bad, *items], tmp_path)
    assert export(tmp_path) == export(whole)


def test_another_window_period_is_another_training(engine: Engine, whole: Path, tmp_path: Path) -> None:
    monthly = CHEAP.model_copy(update={"window": WindowPeriod.MONTH})
    engine.run(batches(market()), tmp_path)
    engine.run([], tmp_path, monthly)
    fresh = tmp_path / "fresh"
    engine.run(batches(market()), fresh, monthly)
    assert export(tmp_path) == export(fresh)
    row = decode_forecast(export(fresh).rows["AAA"])
    assert row.training_cutoff is not None
    assert row.training_cutoff.month != row.as_of.month
    assert export(tmp_path).rows != export(whole).rows


# -- The embedded engine's own --------------------------------------------------------------------------------------------


def test_a_second_run_finds_nothing_to_do(embedded: Embedded, tmp_path: Path) -> None:
    embedded.run(batches(market()), tmp_path)
    first = embedded.summary
    assert (first.trained, first.forecasts_written, first.tickers) == (4, 5, 5)
    embedded.run(batches(market()), tmp_path)
    again = embedded.summary
    assert (again.trained, again.forecasts_written, again.bars_new, again.bars_corrected) == (0, 0, 0, 0)
    assert again.bars_duplicate + again.bars_expired == first.bars_new
    assert again.fallback == first.fallback
    assert set(first.fallback) == {"YOUNG", "STILL"}


def test_only_the_newest_window_is_trained_in_a_backfill(embedded: Embedded, tmp_path: Path) -> None:
    bars = market()["AAA"]
    embedded.run(batches({"AAA": bars}, 5), tmp_path)
    assert embedded.summary.trained == 1
    with StateFolder(tmp_path).open_writer() as writer:
        payload = writer.models.get("AAA")
        state = writer.history.load("AAA")
    assert payload is not None
    assert state is not None
    assert state.due is not None
    trained = decode_trained(payload)
    assert (trained.cutoff, trained.digest) == (state.due.cutoff, state.due.digest)


def test_without_training_rows_say_so_and_training_comes_later(embedded: Embedded, whole: Path, tmp_path: Path) -> None:
    embedded.run(batches(market()), tmp_path, train=False)
    row = decode_forecast(export(tmp_path).rows["AAA"])
    assert row.fallback == "historical"
    assert row.fallbacks[0].reason == "training was switched off"
    embedded.run([], tmp_path)
    assert embedded.summary.trained == 4
    assert export(tmp_path) == export(whole)


def test_an_expired_model_is_trained_again(embedded: Embedded, whole: Path, tmp_path: Path) -> None:
    embedded.run(batches(market()), tmp_path)
    embedded.run([], tmp_path, ttl_seconds=1e-6)
    assert embedded.summary.trained == 4
    assert embedded.summary.forecasts_written == 0
    assert export(tmp_path) == export(whole)


def test_an_expired_model_serves_while_nothing_is_trained(embedded: Embedded, tmp_path: Path) -> None:
    """As in the Kafka engine: how old a model is decides whether to train, not whether to serve."""
    bars = market()
    embedded.run(batches(until(bars, 0.99)), tmp_path)
    before = {ticker: decode_forecast(row) for ticker, row in export(tmp_path).rows.items()}
    embedded.run(batches(bars), tmp_path, train=False, ttl_seconds=1e-6)
    after = {ticker: decode_forecast(row) for ticker, row in export(tmp_path).rows.items()}
    for ticker in ("AAA", "BBB", "CCC"):
        assert after[ticker].fallback is None
        assert after[ticker].as_of > before[ticker].as_of
        assert after[ticker].training_cutoff == before[ticker].training_cutoff


def test_unreadable_models_are_trained_again_and_no_others(embedded: Embedded, whole: Path, tmp_path: Path) -> None:
    embedded.run(batches(market()), tmp_path)
    with StateFolder(tmp_path).open_writer() as writer:
        writer.models.put("AAA", b"\x93no models")
    with Database.open_writer(tmp_path / MODELS) as database:
        database.write([(b"BBB", b"\x81garbage")])
    embedded.run([], tmp_path)
    assert embedded.summary.trained == 2
    assert export(tmp_path) == export(whole)


def test_an_unreadable_row_is_replaced_and_a_newer_one_is_not(
    embedded: Embedded, whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    embedded.run(batches(market()), tmp_path)
    with Database.open_writer(tmp_path / FORECASTS) as database:
        database.write([(b"AAA", b"\x81garbage")])
    embedded.run([], tmp_path)
    assert embedded.summary.forecasts_written == 1
    assert "unreadable forecast row replaced ticker=AAA" in caplog.text
    assert export(tmp_path) == export(whole)
    newer = msgspec.msgpack.encode({"schema_version": 99, "ticker": "AAA"})
    with Database.open_writer(tmp_path / FORECASTS) as database:
        database.write([(b"AAA", newer)])
    with pytest.raises(SchemaError, match=r"AAA: .* version 99; .*upgrade"):
        embedded.run([], tmp_path)
    with Database.open_writer(tmp_path / FORECASTS) as database:
        assert database.get(b"AAA") == newer


def test_refused_bars_are_kept_with_their_reasons_and_once(embedded: Embedded, tmp_path: Path) -> None:
    items = batches({"AAA": market()["AAA"][:50]})
    items[0].close[7] = None
    for _ in range(2):
        embedded.run([RejectedBar("?", "", "a row without a ticker"), *items], tmp_path)
        lines = (tmp_path / "rejected.jsonl").read_text().splitlines()
        assert len(lines) == embedded.summary.bars_rejected == 2
        assert "a row without a ticker" in lines[0]
        assert "close missing" in lines[1]
        assert '"AAA"' in lines[1]


def test_a_ticker_that_went_quiet_is_named_and_left_as_it_is(
    embedded: Embedded, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bars = market()
    allowed = CHEAP.fresh_sessions
    embedded.run(batches({"AAA": bars["AAA"], "BBB": bars["BBB"][:-allowed], "CCC": bars["CCC"][: -allowed - 1]}), tmp_path)
    assert embedded.summary.quiet == ("CCC",)
    assert f"quiet ticker=CCC sessions_behind={allowed + 1}" in caplog.text
    alone = tmp_path / "alone"
    embedded.run(batches({"CCC": bars["CCC"][: -allowed - 1]}), alone)
    assert embedded.summary.quiet == ()
    assert export(tmp_path).rows["CCC"] == export(alone).rows["CCC"]


def test_an_interrupted_ingest_keeps_what_it_has_taken_in(embedded: Embedded, whole: Path, tmp_path: Path) -> None:
    def interrupted() -> Iterator[BarBatch]:
        yield from batches(market())[:7]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedded.run(interrupted(), tmp_path)
    assert export(tmp_path).states
    embedded.run(batches(market()), tmp_path)
    assert export(tmp_path) == export(whole)


def test_models_that_cannot_be_asked_stop_no_other_ticker(embedded: Embedded, whole: Path, tmp_path: Path) -> None:
    embedded.run(batches(market()), tmp_path)
    with StateFolder(tmp_path).open_writer() as writer:
        payload = writer.models.get("AAA")
        assert payload is not None
        trained = decode_trained(payload)
        broken = msgspec.structs.replace(trained, models=dict.fromkeys(trained.models, b"garbage"))
        writer.models.put("AAA", encode_trained(broken))
    embedded.run([], tmp_path)
    found, wanted = export(tmp_path).rows, export(whole).rows
    row = decode_forecast(found.pop("AAA"))
    assert row.fallback == "historical"
    assert "its trained models failed: StateCorruptError" in row.fallbacks[0].reason
    assert "its trained models failed" in embedded.summary.fallback["AAA"]
    del wanted["AAA"]
    assert found == wanted


def test_a_failed_training_leaves_the_same_row_whatever_was_trained_before(embedded: Embedded, tmp_path: Path) -> None:
    bars = market()["AAA"]
    fresh = tmp_path / "fresh"
    embedded.run(batches({CURSED: bars, "AAA": bars}), fresh)
    with StateFolder(fresh).open_writer() as writer:
        payload = writer.models.get("AAA")
    assert payload is not None
    older = msgspec.structs.replace(decode_trained(payload), ticker=CURSED, digest=b"of an earlier week")
    before = tmp_path / "before"
    with StateFolder(before).open_writer() as writer:
        writer.models.put(CURSED, encode_trained(older))
    embedded.run(batches({CURSED: bars}), before)
    assert embedded.summary.training_failed == 1
    assert export(before).rows[CURSED] == export(fresh).rows[CURSED]
