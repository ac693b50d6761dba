"""The topics: names, partitions, retention and cleanup. They are created before they are used.

Every topic has the same number of partitions, and a ticker's messages lie in the same partition of each topic. So one worker
has all topics and tables of a partition. An auto-created topic could have another number of partitions.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import AuthorizationError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from kafka.partitioner import murmur2

from broker.client import broker_errors, client_options, explain
from errors import BrokerError
from settings import Settings

logger = logging.getLogger(__name__)

BARS: Final = "bars"
REJECTED: Final = "bars-rejected"
TRAINING_REQUESTS: Final = "training-requests"
FORECASTS: Final = "forecasts"
#: The deployment and the identities of workers (`broker.deployment`), all in partition 0.
DEPLOYMENT: Final = "deployment"

#: The workers' tables with a changelog of their own. The changelog of the forecasts is the topic FORECASTS.
TABLES: Final = ("history", "models")

#: Kafka's mark of a record whose timestamp is the broker's time of arrival.
LOG_APPEND_TIME: Final = 1

_GROUP: Final = "tidecast"
#: The wait for leaders of all topics: two processes that created topics at once on a busy machine took more than 10 s.
_READY_SECONDS: Final = 60.0
_DAY_MS: Final = 86_400_000
_BROKERS_TIME: Final = {"message.timestamp.type": "LogAppendTime"}
#: The headers of a dead letter, beside the original message.
_HEADER_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's full name (with KAFKA_PREFIX) and its configuration at the broker."""

    name: str
    configuration: dict[str, str]


@dataclass(frozen=True, slots=True)
class ExistingTopic:
    """A topic as the broker has it. A topic that was deleted and created again has another `id`."""

    id: str
    partitions: int


def topic_name(settings: Settings, topic: str) -> str:
    """The full name of one of the topics above."""
    return f"{settings.kafka_prefix}{topic}"


def group_id(settings: Settings) -> str:
    """The workers' consumer group, which also names the changelog topics."""
    return f"{settings.kafka_prefix}{_GROUP}"


def changelog_name(table: str) -> str:
    """The short name of a table's changelog."""
    return f"{_GROUP}-{table}-changelog"


def topics(settings: Settings) -> dict[str, Topic]:
    """All topics by their short names, the changelogs of the tables included.

    `segment.ms` and `retention.ms` are set for each: with Kafka's defaults a quiet topic's last segment is never closed, so it
    is never compacted or deleted.
    """
    segment = {
        "segment.bytes": str(settings.kafka_segment_megabytes * 1024 * 1024),
        "segment.ms": str(7 * _DAY_MS),
        # Of three replicas two have every acknowledged message, even if one is away. Kafka's default requires one replica only.
        "min.insync.replicas": str(max(1, settings.kafka_replication - 1)),
    }
    message = {"max.message.bytes": str(settings.kafka_message_bytes)}
    configurations = {
        # The broker's clock decides whether a bar is of the future; clocks of publishers and workers may be wrong.
        BARS: segment | message | _delete_after(settings.kafka_bars_retention_days) | _BROKERS_TIME,
        REJECTED: segment
        | {"max.message.bytes": str(settings.kafka_message_bytes + _HEADER_BYTES)}
        | _delete_after(settings.kafka_rejected_retention_days),
        TRAINING_REQUESTS: segment | message | _delete_after(7.0),
        FORECASTS: segment | message | {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"},
        # The first record counts, but compaction keeps the last: both stay until a worker has written the first once more.
        DEPLOYMENT: segment
        | message
        | {"cleanup.policy": "compact", "min.compaction.lag.ms": str(_DAY_MS), "segment.ms": str(_DAY_MS // 4)},
    }
    found = {short: Topic(topic_name(settings, short), values) for short, values in configurations.items()}
    changelog = segment | message | {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.3"}
    for table in TABLES:
        found[f"{table}-changelog"] = Topic(topic_name(settings, changelog_name(table)), changelog)
    return found


def _delete_after(days: float) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": "-1" if days < 0 else str(int(days * _DAY_MS)), "retention.bytes": "-1"}


def ensure_topics(settings: Settings, *only: str) -> None:
    """Create missing topics (`only` these short names, or all), and wait until each has leaders.

    Raises BrokerAwayError if Kafka is away, BrokerError if it refuses or an existing topic has another number of partitions.
    """
    wanted = {topic.name: topic for short, topic in topics(settings).items() if not only or short in only}
    with broker_errors(settings), KafkaAdminClient(**client_options(settings)) as admin:
        missing = wanted.keys() - set(admin.list_topics())
        for name in sorted(missing):
            options = {
                "num_partitions": settings.kafka_partitions,
                "replication_factor": settings.kafka_replication,
                "configs": wanted[name].configuration,
            }
            try:
                admin.create_topics({name: options})
            except TopicAlreadyExistsError:
                continue  # another process was faster
        admin.wait_for_topics(sorted(wanted), timeout_ms=int(_READY_SECONDS * 1000))
        described = admin.describe_topics(sorted(wanted))
        bars = topic_name(settings, BARS)
        if bars in wanted.keys() - missing:
            _give_brokers_time(admin, bars)
    for topic in described:
        if topic["error_code"]:
            raise explain(for_code(topic["error_code"])(topic["name"]), settings)
        found = len(topic["partitions"])
        if found != settings.kafka_partitions:
            raise BrokerError(
                f"topic {topic['name']} has {found} partitions, KAFKA_PARTITIONS is {settings.kafka_partitions}; set it to "
                f"{found}, or choose a new KAFKA_PREFIX: keys would move between partitions"
            )


def _give_brokers_time(admin: KafkaAdminClient, name: str) -> None:
    """Set the broker's times on a topic that an older version created with the publishers' times."""
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, name, _BROKERS_TIME)
        (found,) = admin.describe_configs([resource], config_filter="all").values()
        if any(found[name][key]["value"] != value for key, value in _BROKERS_TIME.items()):
            admin.alter_configs([resource])
            logger.warning("topic now has the broker's times topic=%s", name)
    except AuthorizationError as error:
        logger.warning("topic keeps the publishers' times: not authorised to alter it topic=%s reason=%s", name, error)


def existing_topic(settings: Settings, topic: str) -> ExistingTopic:
    """One of the topics above as the broker has it. Raises BrokerError if it does not exist."""
    found = existing_topics(settings, [topic])
    if not found:
        raise BrokerError(
            f"{settings.kafka_bootstrap}: there is no topic {topic_name(settings, topic)}; start a worker, which creates it, "
            "or correct KAFKA_PREFIX"
        )
    return found[topic]


def existing_topics(settings: Settings, wanted: Iterable[str]) -> dict[str, ExistingTopic]:
    """Those of these topics that exist, by their short names."""
    names = {topic_name(settings, topic): topic for topic in wanted}
    found: dict[str, ExistingTopic] = {}
    with broker_errors(settings), KafkaAdminClient(**client_options(settings)) as admin:
        described = admin.describe_topics(sorted(names))
    for topic in described:
        if topic["error_code"] == UnknownTopicOrPartitionError.errno:
            continue
        if topic["error_code"]:
            raise explain(for_code(topic["error_code"])(topic["name"]), settings)
        found[names[topic["name"]]] = ExistingTopic(topic["topic_id"], len(topic["partitions"]))
    return found


def topic_ids(settings: Settings) -> dict[str, str]:
    """The broker's id of each topic, by full name. It changes if a topic is deleted and created again. Raises BrokerError."""
    names = sorted(topic.name for topic in topics(settings).values())
    with broker_errors(settings), KafkaAdminClient(**client_options(settings)) as admin:
        return {topic["name"]: str(topic["topic_id"]) for topic in admin.describe_topics(names)}


@lru_cache(maxsize=100_000)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key by Kafka's default partitioner (murmur2). librdkafka has another default; set it to murmur2."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
