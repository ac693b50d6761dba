"""Faust's settings, with reasons."""

from __future__ import annotations

from typing import Any, Final

import faust

from broker.async_client import tls_context
from broker.client import credentials
from broker.ports import free_port
from broker.topics import group_id
from settings import KafkaSecurity, Settings
from streams.kafka.tables.log_table import LogTable
from streams.kafka.tables.table_manager import ProvenTableManager
from streams.kafka.worker.folder import worker_folder
from text import comma_list

#: Messages that wait for each agent: messages of a backfill have 15 kB, single bars come a thousand at a time.
_BUFFER_MESSAGES: Final = 1024
#: The most that is fetched at once from a partition; a larger message comes alone.
_FETCH_BYTES: Final = 1024 * 1024
#: The largest batch that is sent for a partition: with Faust's 16 kB each answer of the broker would cover only four blocks of
#: a history.
_SEND_BYTES: Final = 512 * 1024
#: Messages that may wait for the producer; Faust's 100 would stop every turn of a backfill.
PRODUCER_BUFFER_MESSAGES: Final = 10_000


def faust_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of `faust.App`."""
    return {
        "id": group_id(settings),
        "broker": [f"kafka://{address}" for address in comma_list(settings.kafka_bootstrap)],
        "broker_credentials": _credentials(settings),
        "datadir": str(worker_folder(settings)),
        # `LogTable` has its own store; Faust would open this store, too.
        "store": "memory://",
        "Table": LogTable,
        # With exactly_once offsets are committed before the changelog is flushed, and a crash loses bars. Our state is
        # idempotent.
        "processing_guarantee": "at_least_once",
        # A static member that returns within its session keeps its partitions: a restart takes 2 s, not a session.
        "consumer_group_instance_id": settings.worker_id,
        # The assignor identifies members by it: it must differ between workers on one host, and stay the same after a restart,
        # so it contains no port.
        "canonical_url": f"http://{settings.worker_id.lower()}",
        "broker_session_timeout": settings.worker_session_seconds,
        "broker_heartbeat_interval": settings.worker_heartbeat_seconds,
        "broker_max_poll_interval": settings.worker_poll_seconds,
        # A request must last longer than the session.
        "broker_request_timeout": max(60.0, settings.worker_session_seconds * 2),
        # Partitions are then assigned without a member that has not joined again: it may have died.
        "broker_rebalance_timeout": settings.worker_session_seconds * 1.5,
        "broker_commit_interval": settings.worker_commit_seconds,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": _FETCH_BYTES,
        "producer_acks": -1,
        # A dead letter contains the refused message.
        "producer_max_batch_size": _SEND_BYTES,
        "producer_max_request_size": settings.kafka_message_bytes + 65_536,
        "stream_buffer_maxsize": _BUFFER_MESSAGES,
        # Waiting for buffered messages at a rebalance takes as long as a training. Unfinished messages are read again.
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        # Standby copies would save one or two seconds (docs/delivery.md).
        "table_standby_replicas": 0,
        "TableManager": ProvenTableManager,
        # All topics are created before the start: Faust creates them too late for the first writes.
        "topic_allow_declare": False,
        "topic_partitions": settings.kafka_partitions,
        "topic_replication_factor": settings.kafka_replication,
        # The leader topic is for `@app.timer(on_leader=True)`, which is not used here.
        "topic_disable_leader": True,
        "web_bind": "127.0.0.1",
        "web_port": settings.worker_port or free_port(),  # Faust takes no 0
        "web_enabled": True,
        "worker_redirect_stdouts": False,
    }


def _credentials(settings: Settings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    context = tls_context(settings)
    if settings.kafka_security in {KafkaSecurity.SASL_PLAINTEXT, KafkaSecurity.SASL_SSL}:
        user, password = credentials(settings)
        mechanism = settings.kafka_sasl_mechanism.value
        return faust.SASLCredentials(username=user, password=password, mechanism=mechanism, ssl_context=context)
    return None if context is None else faust.SSLCredentials(context)
