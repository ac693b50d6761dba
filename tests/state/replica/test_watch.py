"""A replica's pages and how `streams status` finds them, without a broker."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from commands.pages import Pages
from errors import SettingsError
from settings import Settings
from state.replica.pages import replica_pages
from state.replica.tables import Place
from state.replica.watch import ReplicaWatch, noted_page, page_of
from streams.kafka.worker.status import gather_replica
from tests.made.clocks import Clock
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(tmp_path: Path, clock: Clock) -> ReplicaWatch:
    return ReplicaWatch(tmp_path, clock=clock)


@pytest.fixture
def pages(watch: ReplicaWatch) -> Iterator[Pages]:
    with Pages(0, replica_pages(watch), setting="REPLICA_PORT") as running:
        yield running


def fetched(pages: Pages, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{pages.port}/{path}", timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_pages_say_lag_and_reasons(watch: ReplicaWatch, pages: Pages, clock: Clock) -> None:
    watch.note_records(40, values={"forecasts": 7, "history": 3}, void=1)
    first, second = Place("forecasts", 1), Place("history", 1)
    for _ in range(8):
        watch.note_offsets({first: (5, 5), second: (9, 12)}, values={"forecasts": 7, "history": 3})
        clock.now += 5.0
    status, body = fetched(pages, "readyz")
    assert status == 503
    (reason,) = json.loads(body)["reasons"]
    assert reason["code"] == "standstill"
    assert "history 1 (3 messages" in reason["text"]
    assert fetched(pages, "healthz")[0] == 200
    assert fetched(pages, "nothing")[0] == 404
    text = fetched(pages, "metrics")[1].decode()
    values = {(s.name, *s.labels.values()): s.value for f in text_string_to_metric_families(text) for s in f.samples}
    assert values["tidecast_replica_ready",] == 0.0
    assert values["tidecast_replica_lag_messages", "1", "forecasts"] == 0.0
    assert values["tidecast_replica_lag_messages", "1", "history"] == 3.0
    assert values["tidecast_replica_lag_seconds", "1", "history"] == 35.0
    assert values["tidecast_replica_records_total",] == 40.0
    assert values["tidecast_replica_void_records_total",] == 1.0
    assert values["tidecast_replica_rows",] == 7.0
    assert values["tidecast_replica_values", "history"] == 3.0
    watch.note_offsets({second: (12, 12)}, values={})
    assert fetched(pages, "readyz")[0] == 200
    watch.note_incomplete([second])
    status, body = fetched(pages, "readyz")
    assert (status, json.loads(body)["reasons"][0]["code"]) == (503, "incomplete")


def test_status_finds_the_replica_that_runs_and_no_other(tmp_path: Path, watch: ReplicaWatch, pages: Pages) -> None:
    settings = Settings(_env_file=None, state_dir=tmp_path)
    assert gather_replica(settings) is None
    with noted_page(tmp_path, pages.port):
        watch.note_records(1, values={"forecasts": 3}, void=0)
        line = gather_replica(settings)
        assert line is not None
        assert line.problem is None
        assert line.figures is not None
        assert line.figures.rows == 3
    assert page_of(tmp_path) is None  # the file stays, and nobody holds it


def test_a_replica_whose_page_hangs_is_said(tmp_path: Path) -> None:
    with noted_page(tmp_path, 1):
        line = gather_replica(Settings(_env_file=None, state_dir=tmp_path))
    assert line is not None
    assert line.figures is None
    assert "gives no answer" in (line.problem or "")


def test_a_taken_port_is_refused_with_the_setting(pages: Pages) -> None:
    with pytest.raises(SettingsError, match="REPLICA_PORT"):
        Pages(pages.port, {}, setting="REPLICA_PORT")
