"""Watches the topic `deployment`: a worker leaves if another process takes over its WORKER_ID, or after a rebuild."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final, Self

from broker.deployment.identity import decode_identity, encode_identity, identity_key, may_still_run
from broker.deployment.log import DeploymentLog, Entry, append_record, read_deployment
from broker.deployment.record import KEY, encode_deployment, says_the_same
from errors import BrokerAwayError, BrokerError, ForecastingError, MessageError, SchemaError, SettingsError, StateRebuiltError
from settings import Settings
from streams.kafka.worker.admission import Admission

logger = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 5.0
_FAREWELL_SECONDS: Final = 1.0


class DeploymentWatch:
    """Follows the topic `deployment` while the worker runs. An async context manager: entering it takes the WORKER_ID.

    Raises BrokerError, or BrokerAwayError if Kafka is away.
    """

    def __init__(self, settings: Settings, admission: Admission) -> None:
        self._settings = settings
        self._admission = admission
        self._key = identity_key(settings.worker_id)
        self._since = admission.end
        self._own_offset = -1
        self.joined = False
        self.dismissal: ForecastingError | None = None

    async def __aenter__(self) -> Self:
        before, now = self._admission.predecessor, self._admission.identity
        self._own_offset = await append_record(self._settings, self._key, encode_identity(now))
        if before is not None and may_still_run(before, now):
            logger.warning(
                "took over the id of a process that leaves if it still runs: give each worker a WORKER_ID of its own "
                "worker=%s host=%s pid=%d folder=%s started=%s",
                self._settings.worker_id,
                before.host,
                before.pid,
                before.folder,
                before.started,
            )
        self._end = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._follow(), name="watch")
        self._task.add_done_callback(self._ended)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self._end.cancel()
        with contextlib.suppress(asyncio.CancelledError, ForecastingError):
            await self._task
        if not isinstance(self.dismissal, SettingsError):
            # After this there is no warning about a process that ended in order. If Kafka is away, the next start warns; no
            # harm.
            with contextlib.suppress(BrokerError, TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await append_record(self._settings, self._key, None)

    async def dismissed(self) -> None:
        """Wait until this worker has to leave, and raise the reason: SettingsError, StateRebuiltError or SchemaError."""
        await asyncio.shield(self._end)

    async def confirm(self, *_: object, **__: object) -> None:
        """Call after partitions were assigned, before they are used. Raises as `dismissed` does.

        `streams rebuild` first records that it has begun, then checks that the group has no members. A worker first joins the
        group, then checks that no rebuild has begun. So at least one of the two sees the other.
        """
        while True:
            try:
                async with DeploymentLog(self._settings) as log:
                    entries = await log.read(self._since)
                break
            except BrokerAwayError as error:
                logger.warning("Kafka is away, waiting for it before partitions are taken reason=%s", error)
                await asyncio.sleep(_RETRY_SECONDS)
        for entry in entries:
            await self._take(entry)
        self.joined = True

    async def _follow(self) -> None:
        complaint = ""
        while True:
            try:
                async with DeploymentLog(self._settings) as log:
                    async for entry in log.follow(self._since):
                        await self._take(entry)
            except BrokerError as error:
                if str(error) != complaint:
                    complaint = str(error)
                    logger.warning("the topic deployment cannot be followed, trying again reason=%s", error)
                await asyncio.sleep(_RETRY_SECONDS)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._end.done():
            self._end.set_exception(error)

    async def _take(self, entry: Entry) -> None:
        if self.dismissal is None:
            if entry.key == self._key:
                self.dismissal = self._judge_identity(entry)
            elif entry.key == KEY:
                self.dismissal = await self._judge_deployment(entry)
            if self.dismissal is not None:
                logger.critical("dismissed reason=%s", self.dismissal)
                if not self._end.done():
                    self._end.set_exception(self.dismissal)
        if self.dismissal is not None:
            raise self.dismissal
        self._since = max(self._since, entry.offset + 1)

    async def _judge_deployment(self, entry: Entry) -> ForecastingError | None:
        """The reason why this worker has to leave, if there is one. A record that does not count is replaced."""
        ours = self._admission.deployment
        try:
            found = read_deployment(entry)
        except SchemaError as error:
            return error
        if found is not None and found.incarnation > ours.incarnation:
            return StateRebuiltError(
                f"`streams rebuild` was run (host {found.writer.host}, {found.writer.at}): this worker leaves, start it again"
            )
        if not says_the_same(found, ours):
            logger.warning("void record, the valid record is written again topic=deployment offset=%d", entry.offset)
            await append_record(self._settings, KEY, encode_deployment(ours))
        return None

    def _judge_identity(self, entry: Entry) -> ForecastingError | None:
        """The reason why this worker has to leave, if there is one."""
        if entry.value is None or entry.offset <= self._own_offset:
            return None
        try:
            other = decode_identity(entry.value)
        except MessageError as error:
            logger.warning("record left out topic=deployment partition=0 offset=%d reason=%s", entry.offset, error)
            return None
        if other.nonce == self._admission.identity.nonce:
            return None
        return SettingsError(
            f"another process took over the id {self._settings.worker_id}: host {other.host}, process {other.pid}, "
            f"folder {other.folder}; this one leaves. Give each worker a WORKER_ID of its own"
        )
