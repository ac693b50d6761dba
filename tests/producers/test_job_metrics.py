"""The metrics file of a publishing job: written at its end, however it ends."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker.ports import free_port
from errors import BrokerError
from producers.job_metrics import JobFigures, job_metrics
from producers.publish import publish
from producers.published import PublishedBars
from records import BarBatch, RejectedBar
from settings import Settings
from tests.conftest import ROOT
from tests.waiting import PATIENCE_SECONDS


def values(path: Path) -> dict[tuple[str, ...], float]:
    text = path.read_text(encoding="utf-8")
    return {(s.name, *s.labels.values()): s.value for f in text_string_to_metric_families(text) for s in f.samples}


class Sent:
    """Stands where Kafka would be; every message is acknowledged."""

    def __init__(self, *_: object) -> None:
        self.acknowledged = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def send(self, _: object) -> None:
        self.acknowledged += 1

    def flush(self) -> None: ...


def test_sent_known_and_rejected_bars_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("producers.publish.Delivery", Sent)
    batch = BarBatch(
        ticker="A", source="made", as_of=dt.date(2024, 1, 5), date=["2024-01-02", "2024-01-03"], open=[1.0, 1.0],
        high=[1.0, 1.0], low=[1.0, 1.0], close=[1.0, 1.0], volume=[1.0, 1.0],
    )  # fmt: skip
    items = [batch, batch, RejectedBar("A", "2024-01-04", "high below low"), RejectedBar("B", "", "no answer")]
    published = PublishedBars()
    path = tmp_path / "jobs.prom"
    with job_metrics(path, "made", clock=lambda: 1.7e9) as job:
        publish(Settings(_env_file=None), items[:1], published=published, report=job.report)
        published.add(batch)
        publish(Settings(_env_file=None), items[1:], published=published, report=job.report)
    found = values(path)
    assert found["tidecast_job_exit_code", "made"] == 0.0
    assert found["tidecast_job_finished_timestamp_seconds", "made"] == 1.7e9
    assert {outcome: found["tidecast_job_bars", outcome, "made"] for outcome in ("new", "changed", "known", "rejected")} == {
        "new": 2.0, "changed": 0.0, "known": 2.0, "rejected": 1.0,
    }  # fmt: skip
    assert found["tidecast_job_rejected_bars", "price", "made"] == 1.0
    assert found["tidecast_job_failed_tickers", "made"] == 1.0


@pytest.mark.parametrize(
    ("error", "code"), [(BrokerError("away"), BrokerError.exit_code), (SystemExit(3), 3), (RuntimeError("defect"), 1)]
)
def test_a_job_that_fails_says_so(tmp_path, error, code):
    path = tmp_path / "jobs.prom"
    with pytest.raises(type(error)), job_metrics(path, "made"):
        raise error
    assert values(path)["tidecast_job_exit_code", "made"] == code


def test_the_command_writes_them_when_kafka_is_away(tmp_path):
    path = tmp_path / "jobs.prom"
    environment = os.environ | {"JOB_METRICS_FILE": str(path), "KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}"}
    command = [sys.executable, "-m", "producers", "publish", "--source", "sample", "--tickers", "FB"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode > 0
    assert values(path)["tidecast_job_exit_code", "sample"] == done.returncode


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path, caplog):
    with job_metrics(tmp_path / "nowhere" / "jobs.prom", "made") as job:
        assert isinstance(job, JobFigures)
    assert "metrics of the job not written" in caplog.text
