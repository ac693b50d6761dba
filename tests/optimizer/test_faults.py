"""What goes wrong under a running service: answers stay correct and say what they rest on."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import msgspec
import pytest

from records import encode_forecast
from state.database import Database
from state.folder import StateFolder
from tests.made.market import later, made_bars, made_rows, replace_row, write_state
from tests.optimizer.samples import BARS, REQUEST, ROWS
from tests.optimizer.serving import Answer, Service
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.slow


def keep_writing(folder: str, ready) -> None:
    """A worker that writes the table at full speed until it is killed."""
    with StateFolder(Path(folder)).open_writer() as writer:
        while True:
            for row in ROWS.values():
                writer.forecasts.put(row)
            ready.set()


class Load:
    """Callers who never stop asking; every answer is kept."""

    def __init__(self, service: Service) -> None:
        self._stop = threading.Event()
        self.answers: list[Answer] = []
        asks: list[Callable[[], Answer]] = [
            lambda: service.post(REQUEST),
            lambda: service.get("/api/forecasts"),
            lambda: service.get("/readyz"),
        ]
        self._threads = [threading.Thread(target=self._run, args=(ask,)) for ask in asks]
        for thread in self._threads:
            thread.start()

    def _run(self, ask: Callable[[], Answer]) -> None:
        while not self._stop.is_set():
            self.answers.append(ask())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def folder(tmp_path) -> Path:
    write_state(tmp_path / "state", BARS, ROWS.values())
    return tmp_path / "state"


@pytest.fixture
def service(folder) -> Iterator[Service]:
    with Service(folder) as running:
        yield running


def awaited(service: Service, expected: Callable[[Answer], bool]) -> Answer:
    """The first answer that is as expected."""
    answers: list[Answer] = []

    def is_expected() -> bool:
        answers[:] = [service.post(REQUEST)]
        return expected(answers[0])

    until(is_expected, lambda: str(answers))
    return answers[0]


def served_by(forecasts: int) -> Callable[[Answer], bool]:
    return lambda answer: answer.status == 200 and answer.json["estimates"]["forecast"] == forecasts


def sound(answer: Answer) -> bool:
    if "weights" not in answer.json:
        return True
    result = answer.json
    forecasts = result["forecasts"].values()
    return (
        abs(sum(result["weights"].values()) - 1) < 1e-9
        and set(result["prices"]) == set(result["weights"])
        and all((f["fallback"] is None) == (f["reason"] is None) for f in forecasts)
    )


def test_a_worker_that_is_killed_while_it_writes_costs_no_request(folder, service):
    context = multiprocessing.get_context("spawn")
    with Load(service) as load:
        for _ in range(2):
            ready = context.Event()
            worker = context.Process(target=keep_writing, args=(str(folder), ready))
            worker.start()
            assert ready.wait(timeout=PATIENCE_SECONDS)
            count = len(load.answers)
            until(lambda count=count: len(load.answers) >= count + 30)
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
            worker.close()
    answers = load.answers
    assert {answer.status for answer in answers} == {200}
    assert all(sound(answer) for answer in answers)


def test_a_state_folder_that_is_swapped_is_followed(folder, service, tmp_path):
    awaited(service, served_by(6))
    other = made_bars(seed=9)
    write_state(tmp_path / "other", other, made_rows(other, seed=9).values())
    closes = {float(bars.close[-1]) for bars in other.values()}
    with Load(service) as load:
        folder.rename(tmp_path / "old")
        (tmp_path / "other").rename(folder)
        answer = awaited(service, lambda a: a.status == 200 and set(a.json["prices"].values()) <= closes)
    answers = load.answers
    assert sound(answer)
    assert {a.status for a in answers} <= {200, 503}
    assert all(a.json.get("error") or a.json.get("reason") for a in answers if a.status == 503)
    assert all(sound(a) for a in answers)


def test_an_empty_table_and_no_table_mean_estimates_from_prices(folder, service):
    awaited(service, served_by(6))
    shutil.rmtree(folder / "forecasts.db")
    answer = awaited(service, served_by(0))
    assert sound(answer)
    assert any("cannot be read" in warning for warning in answer.json["warnings"])
    assert service.get("/readyz").status == 503
    with StateFolder(folder).open_writer():
        pass
    answer = awaited(service, lambda a: served_by(0)(a) and not any("cannot be read" in text for text in a.json["warnings"]))
    assert all(f["reason"].startswith("no forecast in the table; ") for f in answer.json["forecasts"].values())
    assert service.get("/readyz").json["reason"] == "the forecast table is empty"


def test_half_stale_or_of_a_newer_schema_the_other_half_goes_on(folder, service):
    with StateFolder(folder).open_writer() as writer:
        for ticker in ("AAA", "BBB"):
            writer.forecasts.put(replace_row(ROWS[ticker], as_of=later(BARS[ticker], -30)))
    newer = msgspec.msgpack.encode({**msgspec.msgpack.decode(encode_forecast(ROWS["CCC"])), "schema_version": 99})
    with Database.open_writer(folder / "forecasts.db") as database:
        database.write([(b"CCC", newer), (b"DDD", b"\xc1 not a row")])
    answer = awaited(service, served_by(2))
    assert sound(answer)
    everything = service.post(REQUEST | {"weight_cap": 0.34, "target_return": 0.01}).json
    reasons = {t: f["reason"] for t, f in everything["forecasts"].items()}
    assert {t for t, reason in reasons.items() if reason is None} <= {"EEE", "FFF"}
    for ticker, words in (
        ("AAA", "sessions before"),
        ("BBB", "sessions before"),
        ("CCC", "schema version 99"),
        ("DDD", "shorter than its stamp"),
    ):
        assert ticker not in reasons or words in reasons[ticker]
    assert set(reasons) & {"AAA", "BBB", "CCC", "DDD"}
    assert set(service.get("/api/forecasts").json["missing"]) == {"CCC", "DDD"}
    assert service.get("/api/forecasts/CCC").status == 404
    assert service.get("/readyz").json["unreadable"] == 2
