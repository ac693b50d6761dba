"""`producers publish` if Kafka is away, refuses the login or a message: one line that says what to do, soon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from broker.local.native import NativeBroker
from broker.ports import free_port
from errors import BrokerError
from producers.delivery import Delivery, Message
from settings import load_settings
from tests.conftest import ROOT
from tests.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

LOGIN = {
    "KAFKA_SECURITY": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_USERNAME": "clerk",
    "KAFKA_PASSWORD": "right",
}


class GuardedBroker(NativeBroker):
    """A broker with a second listener that requires a login, and gives no rights to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.guarded = f"127.0.0.1:{free_port()}"

    def properties(self) -> dict[str, str]:
        values = super().properties()
        listener = f",GUARDED://{self.guarded}"
        return values | {
            "listeners": values["listeners"] + listener,
            "advertised.listeners": values["advertised.listeners"] + listener,
            "listener.security.protocol.map": values["listener.security.protocol.map"] + ",GUARDED:SASL_PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": (
                'org.apache.kafka.common.security.plain.PlainLoginModule required user_clerk="right";'
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    if not (shutil.which("java") and shutil.which("mvn")):
        pytest.skip("a broker that refuses us is made from Kafka's own jars: install Java 17 and Maven")
    made = GuardedBroker(tmp_path_factory.mktemp("guarded"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def said(broker: GuardedBroker) -> dict[str, str]:
    """The error of each case: first the cases with an answer, one by one, then all cases that wait for a time-out."""
    common = {"KAFKA_BOOTSTRAP": broker.guarded, "KAFKA_PREFIX": "ours-"} | LOGIN
    answered = {"no password": {"KAFKA_PASSWORD": ""}, "no rights": {}}
    waiting = {
        "no broker": {"KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}"},
        "wrong password": {"KAFKA_PASSWORD": "wrong"},
        "wrong mechanism": {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"},
        "no security": {"KAFKA_SECURITY": "PLAINTEXT"},
    }
    found = {case: publish(common | values) for case, values in answered.items()}
    with ThreadPoolExecutor(len(waiting)) as executor:
        lines = executor.map(publish, [common | values for values in waiting.values()])
        return found | dict(zip(waiting, lines, strict=True))


def publish(environment: dict[str, str]) -> str:
    """The line that a user gets."""
    command = [sys.executable, "-m", "producers", "publish", "--source", "sample", "--tickers", "FB"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert len(line) < 400
    return line


def test_no_broker(said: dict[str, str]) -> None:
    assert "no answer from Kafka" in said["no broker"]
    assert "is it running? `make cluster` starts one, KAFKA_BOOTSTRAP names it" in said["no broker"]


@pytest.mark.parametrize("case", ["wrong password", "wrong mechanism", "no security"])
def test_a_login_that_does_not_fit(broker: GuardedBroker, said: dict[str, str], case: str) -> None:
    assert f"{broker.guarded}: something listens, but gave no answer" in said[case]
    assert "KAFKA_SECURITY, KAFKA_SASL_MECHANISM, KAFKA_USERNAME, KAFKA_PASSWORD" in said[case]
    assert "right" not in said[case]


def test_no_password(said: dict[str, str]) -> None:
    assert "set KAFKA_USERNAME and KAFKA_PASSWORD" in said["no password"]


def test_no_authorisation(said: dict[str, str]) -> None:
    assert "clerk is not authorised (TopicAuthorizationFailedError)" in said["no rights"]
    assert "Create, Describe, Read and Write on the topics ours-*" in said["no rights"]


def test_a_topic_that_takes_smaller_messages_than_we_send(broker: GuardedBroker) -> None:
    settings = load_settings(kafka_bootstrap=broker.bootstrap, kafka_compression="none")
    name = "small"
    with KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap) as admin:
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": "65536"}}})
        admin.wait_for_topics([name])
    with Delivery(settings) as delivery:
        for _ in range(20):  # together larger than the topic's limit
            delivery.send(Message(name, b"AAPL", b"x" * 15_000))
        delivery.flush()
        assert delivery.acknowledged == 20
    started = time.monotonic()
    with (
        pytest.raises(BrokerError, match=r"larger than KAFKA_MESSAGE_BYTES .* lower PUBLISH_BATCH_BARS"),
        Delivery(settings) as delivery,
    ):
        delivery.send(Message(name, b"AAPL", b"x" * 70_000))
    with pytest.raises(BrokerError, match="larger than KAFKA_MESSAGE_BYTES"), Delivery(settings) as delivery:
        delivery.send(Message(name, b"AAPL", b"x" * (settings.kafka_message_bytes + 1)))
    assert time.monotonic() - started < settings.publish_deadline_seconds / 2, "at once, not when there is no hope left"
