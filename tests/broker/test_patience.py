"""Waiting for a Kafka that is away is logged; errors that waiting cannot cure are raised at once."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import errors as kafka_errors

from broker.client import explain
from broker.patience import Reminder, once_kafka_answers
from broker.ports import free_port
from errors import BrokerAwayError, BrokerError
from settings import Settings, load_settings
from tests.conftest import ROOT
from tests.kafka.worker.test_process import start
from tests.waiting import PATIENCE_SECONDS


@contextmanager
def listening() -> Iterator[Settings]:
    """The settings of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield load_settings(kafka_bootstrap=f"127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize(
    "error",
    [
        kafka_errors.KafkaConnectionError("x"),
        kafka_errors.KafkaTimeoutError("x"),
        kafka_errors.LeaderNotAvailableError("x"),
        kafka_errors.CoordinatorNotAvailableError("x"),
        kafka_errors.UnknownError("x"),
        kafka_errors.InvalidReplicationFactorError("x"),
        ConnectionRefusedError(111, "x"),
        TimeoutError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_passes_when_kafka_is_back(error: Exception) -> None:
    """A replication factor of 1 is refused only while no broker is ready."""
    assert isinstance(explain(error, load_settings(kafka_bootstrap=f"127.0.0.1:{free_port()}")), BrokerAwayError)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (kafka_errors.TopicAuthorizationFailedError("x"), "not authorised"),
        (kafka_errors.ClusterAuthorizationFailedError("x"), "not authorised"),
        (kafka_errors.InvalidReplicationFactorError("x"), "KAFKA_REPLICATION"),
        (kafka_errors.MessageSizeTooLargeError("x"), "KAFKA_MESSAGE_BYTES"),
        (kafka_errors.SaslAuthenticationFailedError("x"), "KAFKA_PASSWORD"),
        (kafka_errors.UnknownTopicOrPartitionError("x"), "deleted"),
        (kafka_errors.PolicyViolationError("x"), r"refuses a request \(PolicyViolationError\)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_does_not_pass_by_itself(error: Exception, advice: str) -> None:
    with pytest.raises(BrokerError, match=advice) as raised:
        raise explain(error, load_settings(kafka_replication=3))
    assert not isinstance(raised.value, BrokerAwayError)


def test_kafka_is_waited_for_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[int] = []

    def action() -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise BrokerAwayError("still starting")
        return "answer"

    with listening() as settings:
        assert once_kafka_answers(settings, action) == "answer"
    assert caplog.text.count("Kafka is away, waiting for it") == 1
    assert "still starting" in caplog.text


def test_a_refusal_is_not_waited_for() -> None:
    def refused() -> None:
        raise BrokerError("not authorised")

    with listening() as settings, pytest.raises(BrokerError, match="not authorised"):
        once_kafka_answers(settings, refused)


def test_waiting_ends_when_it_is_to_stop(caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    caplog.handler.addFilter(lambda _record: stop.set() or True)  # type: ignore[func-returns-value]
    settings = load_settings(kafka_bootstrap=f"127.0.0.1:{free_port()}")
    assert once_kafka_answers(settings, pytest.fail, stop=stop) is None
    assert "nothing listens there" in caplog.text


def test_it_is_said_at_once_and_every_fifteen_seconds() -> None:
    seconds = iter(range(100, 147))
    reminder = Reminder(clock=lambda: next(seconds))
    said = [second for second in range(100, 147) if reminder.is_due()]
    assert said == [100, 115, 130, 145]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
@pytest.mark.parametrize("answers", [False, True])
def test_a_worker_that_waits_ends_at_once(number: signal.Signals, code: int, answers: bool, tmp_path: Path) -> None:
    with listening() as settings:
        bootstrap = settings.kafka_bootstrap if answers else f"127.0.0.1:{free_port()}"
        with start({"STATE_DIR": str(tmp_path), "KAFKA_BOOTSTRAP": bootstrap}) as process:
            assert process.stderr is not None
            said = process.stderr.readline()
            process.send_signal(number)
            assert process.wait(timeout=PATIENCE_SECONDS) == code
            assert process.stderr.read() == ""
    assert 'level=WARNING logger=broker.patience event="Kafka is away, waiting for it"' in said
    assert ("something listens, but gave no answer" in said) is answers


@pytest.mark.slow
def test_a_replica_waits_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "state", "replica", "--state", str(tmp_path), "--bootstrap", f"127.0.0.1:{free_port()}"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "Kafka is away, waiting for it" in process.stderr.readline()
        process.terminate()
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
        assert process.stderr.read() == ""
