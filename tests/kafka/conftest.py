"""One real broker for all tests here. Each test has its own topics, consumer group and state folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from broker.local.base import LocalBroker
from broker.local.start import HOW_TO_GET_ONE, local_broker
from errors import BrokerError
from settings import load_settings
from tests.kafka.cluster import Cluster

REQUIRED = os.environ.get("REQUIRE_KAFKA") == "1"


@pytest.fixture(scope="session")
def bootstrap() -> Iterator[str]:
    """A broker's address."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(local_broker(load_settings()))
        except BrokerError as error:
            if REQUIRED:
                raise
            pytest.skip(f"no Kafka here: {HOW_TO_GET_ONE} ({error})")
        yield started[0]


@pytest.fixture
def cluster(bootstrap: str, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with its own prefix; its processes end with the test."""
    with Cluster(bootstrap=bootstrap, folder=tmp_path, prefix=f"t{uuid4().hex[:8]}-") as made:
        yield made


@pytest.fixture
def own_broker(cluster: Cluster) -> Iterator[LocalBroker]:
    """A broker of the test's own, which it may kill; the workers of `cluster` use it."""
    with local_broker(load_settings()) as (address, started):
        if started is None:
            pytest.skip("KAFKA_BOOTSTRAP names a broker that is not ours to kill; leave it unset")
        cluster.values["KAFKA_BOOTSTRAP"] = address
        yield started
