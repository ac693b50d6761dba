"""Admission of a worker: it waits for Kafka and for the end of a rebuild, and is refused if its settings differ."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import socket
import uuid
from dataclasses import dataclass
from typing import Final

from broker.deployment.identity import Identity, decode_identity, identity_key
from broker.deployment.log import DeploymentLog
from broker.deployment.record import Deployment, Writer, agree, new_deployment, refuse_difference
from broker.patience import Reminder, once_kafka_answers
from broker.topics import DEPLOYMENT, ensure_topics
from errors import DataError
from models.results import TRAINED_VERSION
from records import FORECAST_VERSION
from settings import Settings
from state.database import FORMAT_VERSION
from state.history_codec import HISTORY_VERSION
from state.model_store import STORED_VERSION
from state.record_codec import RECORD_VERSION
from state.stamp import STAMP_VERSION
from streams.kafka.worker.folder import worker_folder
from version import VERSION

logger = logging.getLogger(__name__)

#: The formats in tables and changelogs, with their versions.
FORMATS: Final = {
    "database": FORMAT_VERSION,
    "stamp": STAMP_VERSION,
    "history": HISTORY_VERSION,
    "history record": RECORD_VERSION,
    "stored models": STORED_VERSION,
    "trained models": TRAINED_VERSION,
    "forecast": FORECAST_VERSION,
}
_LOOK_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Admission:
    """The deployment, this worker's identity, and the former process with its WORKER_ID.

    `end` is the offset up to which the topic `deployment` was read.
    """

    deployment: Deployment
    identity: Identity
    predecessor: Identity | None
    end: int


def own_deployment(settings: Settings) -> Deployment:
    """The deployment that this process would record: its settings and its version."""
    writer = Writer(worker=settings.worker_id, host=socket.gethostname(), pid=os.getpid(), nonce=uuid.uuid4().hex, at=_now())
    return new_deployment(settings, code_version=VERSION, formats=FORMATS, writer=writer)


def await_admission(settings: Settings) -> Admission:
    """Wait until this worker may begin. All topics exist then.

    Raises SettingsError if its settings or version differ from the deployment's, SchemaError if a newer version recorded the
    deployment, BrokerError if Kafka refuses.
    """
    identity = Identity(
        nonce=uuid.uuid4().hex,
        host=socket.gethostname(),
        folder=str(worker_folder(settings)),
        pid=os.getpid(),
        started=_now(),
    )
    admission = once_kafka_answers(settings, lambda: _admission(settings, identity))
    assert admission is not None
    return admission


def _admission(settings: Settings, identity: Identity) -> Admission:
    # A rebuild deletes and creates the other topics: create them only after it.
    ensure_topics(settings, DEPLOYMENT)
    admission = asyncio.run(_settled(settings, identity))
    ensure_topics(settings)
    return admission


async def _settled(settings: Settings, identity: Identity) -> Admission:
    mine = own_deployment(settings)
    key = identity_key(settings.worker_id)
    reminder = Reminder()
    async with DeploymentLog(settings) as log:
        while True:
            deployment, entries = await log.settle(agree(mine))
            refuse_difference(deployment, mine)
            if not deployment.rebuilding:
                break
            if reminder.is_due():
                writer = deployment.writer
                logger.warning(
                    "a rebuild is running, waiting for its end (if it was killed, run `python -m streams rebuild` again) "
                    "host=%s pid=%d begun=%s",
                    writer.host,
                    writer.pid,
                    writer.at,
                )
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    values = [entry.value for entry in entries if entry.key == key]
    end = entries[-1].offset + 1 if entries else 0
    return Admission(deployment, identity, _identity(values[-1] if values else None), end)


def _identity(value: bytes | None) -> Identity | None:
    if value is None:
        return None
    try:
        return decode_identity(value)
    except DataError as error:
        logger.warning("record of this WORKER_ID's last process ignored reason=%s", error)
        return None


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
