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
    changelogs = [topics(settings)[f"{table}-changelog"].name for table in TABLES]
    with broker_errors(settings), KafkaAdminClient(**client_options(settings)) as admin:
        _delete_group(admin, settings)
        there = [name for name in changelogs if name in admin.list_topics()]
        if there:
            admin.delete_topics(there)
        deadline = time.monotonic() + _DELETION_SECONDS
        while set(changelogs) & set(admin.list_topics()):
            if time.monotonic() > deadline:
                raise BrokerError(f"{settings.kafka_bootstrap}: the changelogs were not deleted in {_DELETION_SECONDS:g} s")
            time.sleep(0.1)
    ensure_topics(settings)


def _delete_group(admin: KafkaAdminClient, settings: Settings) -> None:
    group = group_id(settings)
    # A static member does not leave when it stops: the broker forgets it when its session is over.
    deadline = time.monotonic() + settings.worker_session_seconds + 5.0
    while "NonEmptyGroup" in (outcome := str(admin.delete_groups([group])[group])):
        if time.monotonic() > deadline:
            raise BrokerError(f"workers of the group {group} are running: stop them first")
        time.sleep(0.5)
    if outcome != "OK" and "GroupIdNotFound" not in outcome:
        raise BrokerError(f"{settings.kafka_bootstrap}: the group {group} cannot be deleted: {outcome}")
