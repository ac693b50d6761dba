"""Forgetting what was derived from the bars, so that workers derive it again from the beginning of the topic."""

from __future__ import annotations

import time
from typing import Final

from kafka import KafkaAdminClient

from broker.client import broker_errors, client_options
from broker.topics import TABLES, ensure_topics, group_id, topics
from errors import BrokerError
from settings import Settings

_DELETION_SECONDS: Final = 30.0


def reset_workers(settings: Settings) -> None:
    """Delete the workers' consumer group and the changelogs of their tables; the bars and the forecasts stay.

    Raises BrokerError while a worker of the group runs, or when Kafka is away or refuses.
    """
    group = group_id(settings)
    changelogs = [topics(settings)[f"{table}-changelog"].name for table in TABLES]
    with broker_errors(settings), KafkaAdminClient(**client_options(settings)) as admin:
        for name, outcome in admin.delete_groups([group]).items():
            if "NonEmptyGroup" in str(outcome):
                raise BrokerError(
                    f"workers of the group {name} are running: stop them, wait {settings.worker_session_seconds:g} s, try again"
                )
            if outcome != "OK" and "GroupIdNotFound" not in str(outcome):
                raise BrokerError(f"{settings.kafka_bootstrap}: the group {name} cannot be deleted: {outcome}")
        there = [name for name in changelogs if name in admin.list_topics()]
        if there:
            admin.delete_topics(there)
        deadline = time.monotonic() + _DELETION_SECONDS
        while set(changelogs) & set(admin.list_topics()):
            if time.monotonic() > deadline:
                raise BrokerError(f"{settings.kafka_bootstrap}: the changelogs were not deleted in {_DELETION_SECONDS:g} s")
            time.sleep(0.1)
    ensure_topics(settings)
