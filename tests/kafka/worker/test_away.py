"""A worker waits for a Kafka that goes away during its start; errors that waiting cannot cure end it."""

from __future__ import annotations

import signal

import pytest

from broker.local.base import LocalBroker
from errors import BrokerError
from tests.kafka.cluster import Cluster
from tests.kafka.worker.test_process import start
from tests.made.bars import made_bars
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.mark.parametrize("place", ["begin", "admission", "start"])
def test_a_worker_waits_for_a_broker_that_goes_away_while_it_starts(
    place: str, cluster: Cluster, own_broker: LocalBroker
) -> None:
    batches = made_bars(4, 200)
    cluster.publish(batches)
    go = cluster.folder / "go"
    if place == "begin":
        own_broker.kill()
        worker = cluster.start()
    else:
        worker = cluster.start(program=("tests.kafka.programs.late_worker",), LATE_AT=place, LATE_FILE=str(go))
        until((cluster.folder / "go.reached").exists, cluster.logs)
        own_broker.kill()
        go.touch()
    until(lambda: worker.said("Kafka is away, waiting for it"), cluster.logs)
    if place != "begin":
        assert worker.said("Kafka went away while this worker started") == 1
    assert worker.process.poll() is None
    own_broker.start()
    cluster.await_rows(cluster.embedded(batches)[0])
    assert worker.stop() == 0


def test_a_worker_told_to_stop_while_the_broker_goes_away_ends(cluster: Cluster, own_broker: LocalBroker) -> None:
    go = cluster.folder / "go"
    worker = cluster.start(program=("tests.kafka.programs.late_worker",), LATE_AT="start", LATE_FILE=str(go))
    until((cluster.folder / "go.reached").exists, cluster.logs)
    own_broker.kill()
    worker.signal(signal.SIGTERM)
    go.touch()
    assert worker.process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("signals", [1, 2])
def test_a_worker_whose_broker_is_gone_for_good_can_be_stopped(signals: int, cluster: Cluster, own_broker: LocalBroker) -> None:
    """Faust's stop waits for the broker without a limit: the process would never end."""
    batches = made_bars(4, 200)
    cluster.publish(batches)
    worker = cluster.start()
    cluster.await_rows(cluster.embedded(batches)[0])
    cluster.publish(made_bars(4, 400)[4:])
    own_broker.kill()
    worker.signal(signal.SIGTERM)
    if signals == 2:
        until(lambda: worker.said("stopping"), cluster.logs)
        worker.signal(signal.SIGTERM)
    assert worker.process.wait(PATIENCE_SECONDS) == 0, cluster.logs()


def test_what_does_not_pass_ends_a_worker(cluster: Cluster) -> None:
    cluster.publish(made_bars(1, 10))
    with start(cluster.values | {"STATE_DIR": str(cluster.state), "KAFKA_PARTITIONS": "5", "LOG_LEVEL": "ERROR"}) as process:
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, "has 4 partitions, KAFKA_PARTITIONS is 5" in said) == (BrokerError.exit_code, True)


def test_the_page_of_a_worker_is_red_while_its_broker_is_away(cluster: Cluster, own_broker: LocalBroker) -> None:
    worker = cluster.start()
    until(lambda: bool(worker.page().get("ready")), cluster.logs)
    own_broker.kill()
    until(lambda: not worker.page().get("ready"), cluster.logs)
    own_broker.start()
    until(lambda: bool(worker.page().get("ready")), cluster.logs)
    assert worker.stop() == 0
