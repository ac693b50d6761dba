"""Deletes everything that was derived from the bars, so that workers derive it again from the beginning of the topic.

A rebuild may be killed anywhere and run again. Its first record keeps workers from starting, its last record lets them in. The
steps between may be repeated any number of times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final

from kafka import KafkaAdminClient

from broker.client import broker_errors, client_options
from broker.deployment.log import DeploymentLog
from broker.deployment.record import Deployment, Protocol, begin_rebuild, confirm_rebuild, end_rebuild
from broker.topics import ensure_topics, group_id, topics
from errors import BrokerError
from settings import Settings

_DELETION_SECONDS: Final = 30.0
#: For a broker that has just started, beyond two sessions.
_EXTRA_SECONDS: Final = 10.0
#: The states of a group without members, and of a group that does not exist.
_EMPTY: Final = ("Empty", "Dead")


def reset_workers(settings: Settings, mine: Deployment) -> Deployment:
    """Delete the workers' consumer group and the changelogs of their tables. The bars and the forecasts stay.

    Returns the new deployment: `mine` with the next incarnation. Raises BrokerError if a worker of the group runs (nothing is
    changed then), if another rebuild runs, or if Kafka is away or refuses.
    """
    with broker_errors(settings), KafkaAdminClient(**client_options(settings)) as admin:
        _await_empty_group(admin, settings)
        begun = _settle(settings, begin_rebuild(mine))
        # A worker that joined meanwhile finds the record of the rebuild and leaves.
        _await_empty_group(admin, settings)
        _delete_group(admin, settings)
        _settle(settings, confirm_rebuild(begun))
        _delete_topics(admin, settings, _changelogs(settings))
    ensure_topics(settings)
    return _settle(settings, end_rebuild(begun))


def _settle(settings: Settings, protocol: Protocol) -> Deployment:
    async def settle() -> Deployment:
        async with DeploymentLog(settings) as log:
            settled, _ = await log.settle(protocol)
            return settled

    return asyncio.run(settle())


def _changelogs(settings: Settings) -> set[str]:
    changelogs = {topic.name for short, topic in topics(settings).items() if short.endswith("-changelog")}
    # Older versions kept the forecasts in a changelog beside their topic.
    return changelogs | {f"{group_id(settings)}-forecasts-changelog"}


def _await_empty_group(admin: KafkaAdminClient, settings: Settings) -> None:
    group = group_id(settings)
    # A static member does not leave at its stop: the broker removes it after its session, which begins anew with the broker.
    deadline = time.monotonic() + 2 * settings.worker_session_seconds + _EXTRA_SECONDS
    while (found := admin.describe_groups([group])[group])["group_state"] not in _EMPTY:
        if time.monotonic() > deadline:
            raise BrokerError(f"workers of the group {group} are running: stop them first ({_members(found)})")
        time.sleep(0.5)


def _members(group: dict[str, Any]) -> str:
    return ", ".join(sorted(member["group_instance_id"] or member["client_id"] for member in group["members"]))


def _delete_group(admin: KafkaAdminClient, settings: Settings) -> None:
    group = group_id(settings)
    outcome = str(admin.delete_groups([group])[group])
    if "NonEmptyGroup" in outcome:
        raise BrokerError(f"a worker of the group {group} was started meanwhile and leaves now; run the rebuild again")
    if outcome != "OK" and "GroupIdNotFound" not in outcome:
        raise BrokerError(f"{settings.kafka_bootstrap}: the group {group} cannot be deleted: {outcome}")


def _delete_topics(admin: KafkaAdminClient, settings: Settings, names: Iterable[str]) -> None:
    """Delete topics and wait until they are gone. Other processes may create topics of the same names at any time."""
    old = _ids(admin, names)
    if old:
        admin.delete_topics(sorted(old))
    deadline = time.monotonic() + _DELETION_SECONDS
    while set(_ids(admin, old).values()) & set(old.values()):
        if time.monotonic() > deadline:
            raise BrokerError(f"{settings.kafka_bootstrap}: the changelogs were not deleted in {_DELETION_SECONDS:g} s")
        time.sleep(0.1)


def _ids(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, str]:
    there = sorted(set(names) & set(admin.list_topics()))
    if not there:
        return {}
    return {topic["name"]: topic["topic_id"] for topic in admin.describe_topics(there) if not topic["error_code"]}
