"""What a worker tells of itself on its health page."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import faust

from broker.topics import BARS, TRAINING_REQUESTS, topic_name
from records import date_of
from settings import Settings
from streams.kafka.bars import BarsAgent
from streams.kafka.consumer import committed_before
from streams.kafka.forecasts import ForecastWriter
from streams.kafka.outbox import Outbox
from streams.kafka.sweep import Sweep
from streams.kafka.trainer import Trainer

_PROBE_SECONDS: Final = 0.05
#: Over this many probes, half a minute, the worst lag is reported.
_PROBES: Final = 600


class LoopLag:
    """How much later than asked for a short sleep ends: what a message waits for before anybody looks at it."""

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
        """The worst of the last half minute."""
        return max(self._lags, default=0.0)


class Health:
    """Collects the page; `ready` is false while partitions are dealt anew or tables restored."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        *,
        bars: BarsAgent,
        forecasts: ForecastWriter,
        outbox: Outbox,
        sweep: Sweep,
        trainer: Trainer,
        lag: LoopLag,
    ) -> None:
        self._app = app
        self._settings = settings
        self._bars = bars
        self._forecasts = forecasts
        self._outbox = outbox
        self._sweep = sweep
        self._trainer = trainer
        self._lag = lag
        self._has_joined = False

    def joined(self) -> None:
        """Partitions were dealt with this worker taking part, though perhaps there was none for it but to stand by."""
        self._has_joined = True

    @property
    def ready(self) -> bool:
        """Whether bars that come now are processed now, if any are for this worker."""
        return self._has_joined and not self._app.rebalancing and not self._app.in_recovery

    def page(self) -> dict[str, Any]:
        """The page as plain values."""
        newest = self._sweep.newest
        return {
            "ready": self.ready,
            "worker": self._settings.worker_id,
            "rebalancing": self._app.rebalancing,
            "recovering": self._app.in_recovery,
            "partitions": self._partitions(),
            "waiting_messages": {name: self._waiting(name) for name in (BARS, TRAINING_REQUESTS)},
            "messages": self._bars.counts.messages,
            "bars": self._bars.counts.bars,
            "rejected_messages": self._outbox.rejected_messages,
            "forecast_rows": self._forecasts.rows,
            "trained": self._trainer.trained,
            "trainings_under_way": len(self._trainer),
            "newest_bar": None if newest is None else date_of(newest).isoformat(),
            "quiet": self._sweep.quiet,
            "loop_lag_ms": round(self._lag.worst_seconds * 1000, 1),
        }

    def _partitions(self) -> list[int]:
        """Whose tickers are this worker's."""
        bars = topic_name(self._settings, BARS)
        return sorted(tp.partition for tp in self._app.consumer.assignment() if tp.topic == bars)

    def _waiting(self, short: str) -> dict[str, int]:
        """Messages by partition that are not committed yet, as far as this worker knows."""
        name = topic_name(self._settings, short)
        # A worker that is stuck has perhaps not committed anything since it began.
        begun, committed = committed_before(self._app), self._app.monitor.tp_committed_offsets
        waiting: dict[str, int] = {}
        for partition in sorted(tp for tp in self._app.consumer.assignment() if tp.topic == name):
            end = self._app.consumer.highwater(partition)
            done = max(begun.get(partition, -1), committed.get(partition, -1))
            if end is not None and done >= 0:
                waiting[str(partition.partition)] = max(0, end - done)
        return waiting
