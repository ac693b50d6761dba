"""Faust's settings from ours, each with the reason where it is not the obvious one."""

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

#: Messages that wait for an agent, per agent: a backfill's have 15 kB each, single bars come a thousand at a time.
_BUFFER_MESSAGES: Final = 1024
#: At once from one partition; a message that is larger comes alone.
_FETCH_BYTES: Final = 1024 * 1024
#: Of one partition's messages on their way to the broker: with Faust's 16 kB only four blocks of a history would wait for
#: each of its answers.
_SEND_BYTES: Final = 512 * 1024
#: Messages that wait for the producer before streams are slowed; Faust's 100 would stop every turn of a backfill.
PRODUCER_BUFFER_MESSAGES: Final = 10_000


def faust_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of `faust.App`."""
    return {
        "id": group_id(settings),
        "broker": [f"kafka://{address.strip()}" for address in settings.kafka_bootstrap.split(",")],
        "broker_credentials": _credentials(settings),
        "datadir": str(worker_folder(settings)),
        # `LogTable` brings its own; Faust's would be opened, too.
        "store": "memory://",
        "Table": LogTable,
        # With exactly_once an offset is committed before its changelog is flushed, and a crash loses bars; state is idempotent.
        "processing_guarantee": "at_least_once",
        # A static member that comes back within its session keeps its partitions: restart in 2 s instead of a session's length.
        "consumer_group_instance_id": settings.worker_id,
        # By this the assignor tells members apart: two workers on one host must differ in it, and a static member that comes
        # back must have the one it had, so no port is in it.
        "canonical_url": f"http://{settings.worker_id.lower()}",
        "broker_session_timeout": settings.worker_session_seconds,
        "broker_heartbeat_interval": settings.worker_heartbeat_seconds,
        "broker_max_poll_interval": settings.worker_poll_seconds,
        # The session must not outlast a request.
        "broker_request_timeout": max(60.0, settings.worker_session_seconds * 2),
        # Partitions are dealt anew without a member that has not come back by then: it may have died just now.
        "broker_rebalance_timeout": settings.worker_session_seconds * 1.5,
        "broker_commit_interval": settings.worker_commit_seconds,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": _FETCH_BYTES,
        "producer_acks": -1,
        # A dead letter carries the message that was refused.
        "producer_max_batch_size": _SEND_BYTES,
        "producer_max_request_size": settings.kafka_message_bytes + 65_536,
        "stream_buffer_maxsize": _BUFFER_MESSAGES,
        # Waiting for every buffered message at a rebalance takes as long as a training; what is unfinished is read again.
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        # A partition is read back in a second or two: what copies on other workers would save (docs/operations.md).
        "table_standby_replicas": 0,
        "TableManager": ProvenTableManager,
        # They are all created beforehand: one that Faust creates too late stops its first writes.
        "topic_allow_declare": False,
        "topic_partitions": settings.kafka_partitions,
        "topic_replication_factor": settings.kafka_replication,
        # The leader topic is for `@app.timer(on_leader=True)`, which nobody uses here.
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
