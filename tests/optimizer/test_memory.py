"""What stays in the service's memory: nothing of large requests, no thread that is not needed, no library that is used once."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from tests import proc
from tests.made.market import made_bars, made_rows, replace_row, write_state
from tests.optimizer.serving import Service

BARS = made_bars(("AAA", "BBB"))
MEGABYTE = 1_000_000
REQUESTS = 300
DATES = {"start_date": "2020-01-01", "end_date": BARS["AAA"].last_date.isoformat(), "risk_free_rate": 0.02}


def resident_megabytes(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def large_requests(number: int) -> dict[str, object]:
    """A megabyte in one field, another field each time; the reason of each refusal is kept for a stream that may come later."""
    text = f"{number}".ljust(MEGABYTE - 300, "x")
    field = [{"ticker_group": text}, {"tickers": [text]}, {"tickers": ["AAA", "BBB"], "end_date": text}][number % 3]
    return {**DATES, "request_id": f"req_{number}", **field}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory") / "state"
    write_state(folder, BARS, made_rows(BARS).values())
    with Service(folder) as running:
        yield running


def test_memory_stays_flat_under_300_requests_of_a_megabyte(service):
    for number in range(20):
        service.post(large_requests(number))
    before = resident_megabytes(service.process.pid)
    for number in range(20, 20 + REQUESTS):
        answer = service.post(large_requests(number))
        assert answer.status == 400
        assert len(answer.body) < 500
    # The requests have 300 MB. If each left its text behind, all of it would be there.
    assert resident_megabytes(service.process.pid) - before < 60


def test_requests_one_after_another_take_a_thread_and_not_every_thread_in_turn(service):
    for _ in range(50):
        assert service.get("/api/forecasts").status == 200
    # 16 threads for requests and 256 for streams are allowed. What is left of other tests and at rest are some ten.
    assert sum(1 for _ in Path(f"/proc/{service.process.pid}/task").iterdir()) < 40


def test_a_row_that_misses_sessions_loads_no_pandas(tmp_path):
    rows = made_rows(BARS)
    rows["AAA"] = replace_row(rows["AAA"], as_of=rows["BBB"].as_of - dt.timedelta(days=30))
    write_state(tmp_path / "state", BARS, rows.values())
    with Service(tmp_path / "state") as service:
        assert service.get("/readyz").json["fresh_share"] == 0.5
        assert service.post({**DATES, "tickers": ["AAA", "BBB"]}).status == 200
        mapped = proc.mapped_files(service.process.pid)
    assert "rocksdict" in mapped
    assert "pandas" not in mapped
    assert "libarrow" not in mapped
