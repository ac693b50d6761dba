"""The content of a worker's health page."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any, Final

import faust

from broker.topics import BARS, TRAINING_REQUESTS, topic_name
from marketdata.calendars import unread_calendars
from models.market.model import fit_end
from monitoring.figures import CalendarFigures, PartitionFigures, WorkerFigures
from records import date_of
from settings import Settings
from streams.kafka.agents.async_pool import AsyncTrainingPool
from streams.kafka.agents.bars_agent import BarsAgent
from streams.kafka.agents.forecast_writer import ForecastWriter
from streams.kafka.agents.sweep import Sweep
from streams.kafka.agents.training_requests import TrainingRequests
from streams.kafka.consuming.deliveries import Deliveries
from streams.kafka.consuming.membership import Membership
from streams.kafka.sending.outbox import Outbox
from streams.kafka.tables.restoration import Restoration
from streams.kafka.worker.folder import tables_folder
from streams.kafka.worker.observation import Observation
from version import VERSION

_PROBE_SECONDS: Final = 0.05
#: The page gives the worst lag of this many probes, half a minute.
_PROBES: Final = 600


class LoopLag:
    """How much later than requested a short sleep ends: a message waits that long before it is processed."""

    def __init__(self) -> None:
        self._lags: list[float] = []

    async def run(self) -> None:
        """Probe for ever."""
        while True:
            started = time.perf_counter()
            await asyncio.sleep(_PROBE_SECONDS)
            self._lags = [*self._lags[1 - _PROBES :], time.perf_counter() - started - _PROBE_SECONDS]

    @property
    def worst_seconds(self) -> float:
        """The worst lag of the last half minute."""
        return max(self._lags, default=0.0)


class Health:
    """Collects the page. `ready` is false during a rebalance and while tables are restored."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        membership: Membership,
        deliveries: Deliveries,
        restoration: Restoration,
        *,
        bars: BarsAgent,
        forecasts: ForecastWriter,
        outbox: Outbox,
        sweep: Sweep,
        pool: AsyncTrainingPool,
        lag: LoopLag,
        requests: TrainingRequests,
        observation: Observation,
    ) -> None:
        self._app = app
        self._settings = settings
        self._membership = membership
        self._deliveries = deliveries
        self._restoration = restoration
        self._bars = bars
        self._forecasts = forecasts
        self._outbox = outbox
        self._sweep = sweep
        self._pool = pool
        self._lag = lag
        self._requests = requests
        self._observation = observation

    def figures(self) -> WorkerFigures:
        """All numbers, as they are now."""
        observation, counts, census = self._observation, self._bars.counts, self._sweep.census
        now, own = time.monotonic(), observation.own
        late = {each.calendar: each.late_sessions for each in observation.punctuality()}
        unknown = observation.unknown_calendars
        return WorkerFigures(
            worker=self._settings.worker_id,
            version=VERSION,
            host=socket.gethostname(),
            pid=os.getpid(),
            uptime_seconds=now - observation.started_at,
            reasons=observation.reasons,
            messages=counts.messages,
            bars={name: getattr(counts, name) for name in ("accepted", "duplicate", "corrected", "expired")},
            suspect_bars=counts.suspect,
            rejected=dict(self._outbox.rejected),
            refetched=self._deliveries.repeated,
            rows_written=self._forecasts.rows,
            partitions=tuple(
                PartitionFigures(
                    partition=number,
                    is_own=number in own,
                    lag_messages=progress.lag,
                    lag_seconds=progress.lag_seconds,
                    standing_seconds=progress.stood_for(now),
                    moved_seconds=None if progress.moved_at is None else now - progress.moved_at,
                )
                for number, progress in sorted(observation.progress.items())
            ),
            calendars=tuple(
                CalendarFigures(name, tickers, newest, late.get(name), observation.known_until(name), name in unknown)
                for name, (tickers, newest) in census.calendars().items()
            ),
            table=census.figures(),
            trainings_running=len(self._pool),
            trainings={
                "done": self._pool.trained,
                "failed": self._requests.failed,
                "superseded": self._requests.superseded,
            },
            trainings_failing=self._requests.outcomes.failed(now),
            pool_deaths=self._pool.deaths,
            loop_lag_seconds=self._lag.worst_seconds,
            lease_age_seconds=self._membership.lease_age_seconds,
            broker_silent_seconds=observation.broker_silent_seconds,
            epochs=self._membership.epoch,
            recoveries=self._restoration.completed_times,
            recovery_seconds=self._restoration.last_seconds,
            table_bytes=table_bytes(tables_folder(self._settings)),
            training_seconds=self._pool.seconds,
            market_model_fit=fit_end(),
        )

    @property
    def ready(self) -> bool:
        """Whether this worker processes new bars of its partitions now."""
        return self._membership.is_active and self._membership.has_lease

    def page(self) -> dict[str, Any]:
        """The page as values of JSON."""
        newest = self._sweep.newest
        return {
            "ready": self.ready,
            "worker": self._settings.worker_id,
            "rebalancing": not self._membership.is_active,
            "recovering": self._restoration.is_restoring,
            "restoring_seconds": self._restoration.last_seconds,
            "seconds_since_heartbeat": round(self._membership.lease_age_seconds, 1),
            "refetched": self._deliveries.repeated,
            "streams": self._deliveries.describe(),
            "partitions": self._partitions(),
            "waiting_messages": {name: self._waiting(name) for name in (BARS, TRAINING_REQUESTS)},
            "messages": self._bars.counts.messages,
            "bars": self._bars.counts.bars,
            "rejected_messages": self._outbox.rejected_messages,
            "forecast_rows": self._forecasts.rows,
            "trained": self._pool.trained,
            "trainings_under_way": len(self._pool),
            "newest_bar": None if newest is None else date_of(newest).isoformat(),
            "quiet": self._sweep.quiet,
            "calendars_not_known": sorted({*self._observation.unknown_calendars, *unread_calendars()}),
            "loop_lag_ms": round(self._lag.worst_seconds * 1000, 1),
        }

    def _partitions(self) -> list[int]:
        """The partitions whose tickers this worker has."""
        bars = topic_name(self._settings, BARS)
        return sorted(tp.partition for tp in self._membership.assigned if tp.topic == bars and self._membership.is_active)

    def _waiting(self, short: str) -> dict[str, int]:
        """Messages that are not settled, by partition, as far as this worker knows."""
        name = topic_name(self._settings, short)
        waiting: dict[str, int] = {}
        for partition in sorted(tp for tp in self._membership.assigned if tp.topic == name):
            done = self._deliveries.position(partition)
            end = self._app.consumer.highwater(partition) if self._membership.is_active else None
            if end is not None and done is not None:
                waiting[str(partition.partition)] = max(0, end - done)
        return waiting


def table_bytes(folder: Path) -> dict[str, int]:
    """Bytes on the disk by table (`history`, `models`, `forecasts`) of a worker's folder; files may vanish meanwhile."""
    sizes: dict[str, int] = {}
    for database in sorted(folder.glob("*.db")):
        table = database.name.rsplit("-", 1)[0]
        for path in database.glob("*"):
            with contextlib.suppress(OSError):
                sizes[table] = sizes.get(table, 0) + path.stat().st_size
    return sizes
