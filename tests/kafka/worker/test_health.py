"""A worker's health page shows that the worker is stuck."""

from __future__ import annotations

import pytest

from tests.kafka.cluster import Cluster
from tests.made.bars import made_bars
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_a_partition_of_which_nothing_was_done_yet_is_on_the_page(cluster: Cluster) -> None:
    """A worker that is stuck from its start has committed nothing. The page shows its lag nevertheless."""
    bars = made_bars(4, 20)
    worker = cluster.start()
    cluster.publish(bars)
    until(lambda: set(worker.page().get("waiting_messages", {}).get("bars", {}).values()) == {0}, cluster.logs)
    cluster.await_bars(4 * 20)
    assert worker.stop() == 0

    worker = cluster.start()  # which has processed all messages
    partitions = range(cluster.settings().kafka_partitions)
    until(
        lambda: worker.page().get("waiting_messages", {}).get("bars") == {str(number): 0 for number in partitions}, cluster.logs
    )
    assert worker.page()["messages"] == 0
    assert worker.stop() == 0
