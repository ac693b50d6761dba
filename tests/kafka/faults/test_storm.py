"""Some minutes of the storm. The seeds together draw most kinds of faults; `make storm` uses other seeds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker.local.base import LocalBroker
from broker.local.start import local_broker
from settings import load_settings
from tests.kafka.storm.plan import draw_plan
from tests.kafka.storm.rounds import Round
from tests.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(scope="module")
def broker(bootstrap: str) -> Iterator[tuple[LocalBroker, ThreadPoolExecutor]]:
    """A broker that may be killed; other tests do not use it."""
    with ThreadPoolExecutor(max_workers=1) as thread, local_broker(load_settings()) as (_, started):
        if started is None:
            pytest.skip("KAFKA_BOOTSTRAP names a broker that is not ours to kill; leave it unset")
        yield started, thread


@pytest.mark.parametrize("seed", [34, 42, 52])
def test_nothing_is_lost_and_nothing_stays_wrong(seed: int, broker: tuple[LocalBroker, ThreadPoolExecutor]) -> None:
    lines: list[str] = []
    plan = draw_plan(seed, today=dt.datetime.now(dt.UTC).date(), seconds=25.0, workers=(1, 3), every=(2.0, 5.0))
    one = Round(plan, *broker, patience=PATIENCE_SECONDS, say=lines.append)
    one.run()
    assert not one.outcome.findings, "\n".join([*one.outcome.findings, f"logs: {one.outcome.folder}", *lines])
