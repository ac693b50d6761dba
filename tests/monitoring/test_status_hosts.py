"""The host of a worker in `status`: its own name where its page is on this host, else what Kafka says."""

from __future__ import annotations

import datetime as dt
import socket
from pathlib import Path

import pytest

from broker.group import GroupView, Member
from settings import load_settings
from streams.kafka.worker import status

NOW = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)


def test_a_worker_that_gives_no_answer_here_has_the_name_of_this_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = (Member("far", "10.0.0.5", (0,)), Member("near", "127.0.0.1", (1,)))
    monkeypatch.setattr(status, "group_view", lambda settings, topic: GroupView("Stable", members, {0: 1, 1: 1}, {0: 0, 1: 0}))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setattr(status, "noted_pages", lambda settings: {"near": port})
    found = status.gather(load_settings(state_dir=tmp_path, kafka_bootstrap="127.0.0.1:1"), now=NOW, ask_kafka=True)
    assert {worker.name: worker.host for worker in found.workers} == {"far": "10.0.0.5", "near": socket.gethostname()}
    assert [reason.code for reason in found.reasons if reason.code == "worker_silent"] == ["worker_silent"]
