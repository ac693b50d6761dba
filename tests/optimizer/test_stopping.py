"""SIGTERM: everybody who waits gets an answer, and the process leaves whatever the provider does."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from optimizer.web.jobs import STOPPING
from optimizer.web.workers import StoppingError, Workers
from tests.made.market import made_rows, write_state
from tests.optimizer.serving import Service
from tests.optimizer.test_streaming import BARS, REQUEST, Stream, new_id, started
from tests.waiting import PATIENCE_SECONDS, until

#: In place of the library: a provider that never answers.
SLOW_YFINANCE = """
import pathlib, time
def download(*_, **__):
    pathlib.Path(__file__).with_name("asked").touch()
    time.sleep(3600)
"""


@pytest.fixture
def slow(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "yfinance.py").write_text(SLOW_YFINANCE)
    return {"PRICE_PROVIDER": "yfinance", "PYTHONPATH": str(tmp_path), "PROVIDER_DEADLINE_SECONDS": "600"}


def test_a_stream_ends_when_the_service_stops(tmp_path):
    write_state(tmp_path / "state", BARS, made_rows(BARS).values())
    with Service(tmp_path / "state") as running:
        stream = Stream(running, new_id())
        next(stream.frames())
        ended = threading.Thread(target=stream.end)
        ended.start()
        assert running.stop() == 0
        ended.join(timeout=PATIENCE_SECONDS)
        assert not ended.is_alive()
        assert "still running" not in running.log, "no thread had to be given up"


def test_whoever_waits_for_a_slow_provider_is_told_when_the_service_stops(tmp_path, slow):
    write_state(tmp_path / "state", BARS, made_rows(BARS).values())
    with Service(tmp_path / "state", **slow) as running, ThreadPoolExecutor(2) as pool:
        request_id = new_id()
        started(running, request_id, tickers=["AAA", "XXX"])
        stream = pool.submit(Stream(running, request_id).end)
        older = pool.submit(running.post, REQUEST | {"tickers": ["AAA", "YYY"]})
        until(lambda: (tmp_path / "asked").exists() and b"optimizations_running 2.0" in running.get("/metrics").body)
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < PATIENCE_SECONDS / 2, "it waited for the provider"
        answer = older.result(timeout=PATIENCE_SECONDS)
        assert (answer.status, answer.json) == (503, {"error": STOPPING})
        assert stream.result(timeout=PATIENCE_SECONDS)[-1] == ("error", {"type": "error", "message": STOPPING})
        assert "still running" not in running.log
        assert "Traceback" not in running.log


def test_workers_run_in_order_and_release_who_waits():
    workers = Workers(1)
    release, began = threading.Event(), threading.Event()

    def block() -> str:
        began.set()
        release.wait(PATIENCE_SECONDS)
        return "done"

    assert workers.run(lambda: 2 + 3) == 5
    with pytest.raises(ZeroDivisionError):
        workers.run(lambda: 1 // 0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(workers.run, block)
        assert began.wait(PATIENCE_SECONDS)
        workers.close()
        with pytest.raises(StoppingError):
            waiting.result(timeout=PATIENCE_SECONDS)
    release.set()
    with pytest.raises(StoppingError):
        workers.run(lambda: 1)


def test_no_more_threads_than_asked_for():
    workers = Workers(3)
    names: set[str] = set()
    barrier = threading.Barrier(3)

    def meet() -> None:
        barrier.wait(PATIENCE_SECONDS)
        names.add(threading.current_thread().name)

    with ThreadPoolExecutor(6) as pool:
        for each in [pool.submit(workers.run, meet) for _ in range(6)]:
            each.result(timeout=PATIENCE_SECONDS)
    assert len(names) == 3
    workers.close()
