"""The embedded engine: what a run trains, writes and reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from errors import SchemaError
from models.results import decode_trained, encode_trained
from records import BarBatch, RejectedBar, decode_forecast
from state.database import Database
from state.folder import FORECASTS, MODELS, StateFolder
from tests.streams.embedded.made import Embedded
from tests.streams.scenarios import (
    CHEAP,
    CURSED,
    batches,
    export,
    market,
    until,
)


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
    """As in the Kafka engine: a model's age decides whether to train, not whether it serves."""
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
    # Made-up bars have one on Labor Day, which is no session of the exchange.
    quiet = bars["CCC"][: -allowed - 2]
    embedded.run(batches({"AAA": bars["AAA"], "BBB": bars["BBB"][: -allowed - 1], "CCC": quiet}), tmp_path)
    assert embedded.summary.quiet == ("CCC",)
    assert f"quiet ticker=CCC sessions_behind={allowed + 2}" in caplog.text
    alone = tmp_path / "alone"
    embedded.run(batches({"CCC": quiet}), alone)
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
