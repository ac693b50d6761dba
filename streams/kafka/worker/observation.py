"""A worker's watch over itself and its group: every few seconds the broker is asked how far each partition has come.

The offsets come from the broker, over a connection of its own: what this worker believes of its partitions is what is checked.
A partition of another worker that hangs, or that nobody owns, is seen here as well.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable
from typing import Final

from broker.group import GroupOffsets
from broker.topics import BARS, topic_name
from errors import BrokerError
from monitoring.judgement import Measured, Partition, Reason, judge
from monitoring.progress import Progress, Sample, advanced
from monitoring.punctuality import Lateness, Punctuality, punctuality
from settings import Settings
from streams.kafka.agents.async_pool import AsyncTrainingPool
from streams.kafka.agents.sweep import Sweep
from streams.kafka.agents.training_requests import TrainingRequests
from streams.kafka.consuming.membership import Membership
from streams.kafka.tables.restoration import Restoration
from streams.kafka.worker.exchange_sessions import ExchangeSessions

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 10.0
_CALENDAR_SECONDS: Final = 1.0


class Observation:
    """`run` looks for ever, `run_calendars` keeps the exchanges' sessions; `reasons` says what is wrong at this moment."""

    def __init__(
        self,
        settings: Settings,
        membership: Membership,
        restoration: Restoration,
        sweep: Sweep,
        pool: AsyncTrainingPool,
        requests: TrainingRequests,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._settings = settings
        self._topic = topic_name(settings, BARS)
        self._membership = membership
        self._restoration = restoration
        self._sweep = sweep
        self._pool = pool
        self._requests = requests
        self._clock = clock
        self._now = now
        self._sessions = ExchangeSessions(clock=clock)
        self._lateness = Lateness()
        self._answered_at = clock()
        self._unsettled_since: float | None = clock()
        self._training: Progress | None = None
        self._deaths = 0
        self.started_at = clock()
        self.progress: dict[int, Progress] = {}

    async def run(self) -> None:
        """Look for ever; a broker that is away is asked again."""
        while True:
            try:
                async with GroupOffsets(self._settings, self._topic) as offsets:
                    while True:
                        async with asyncio.timeout(_ANSWER_SECONDS):
                            ends, committed = await offsets.read()
                        self._answered_at = self._clock()
                        for number, end in ends.items():
                            sample = Sample(self._answered_at, committed[number], end)
                            self.progress[number] = advanced(self.progress.get(number), sample)
                        await self._look_inside()
            except (BrokerError, TimeoutError) as error:
                logger.debug("no answer to the watch over the group reason=%s", error)
            await self._look_inside()

    async def _look_inside(self) -> None:
        now = self._clock()
        if self._membership.is_active:
            self._unsettled_since = None
        elif self._unsettled_since is None:
            self._unsettled_since = now
        # Whatever ends counts as progress of the pool, and what it has not ended as waiting.
        ended = self._pool.trained + self._requests.failed
        self._training = advanced(self._training, Sample(now, ended, ended + len(self._pool)))
        for _ in range(self._pool.deaths - self._deaths):
            self._requests.outcomes.note_death(now)
        self._deaths = self._pool.deaths
        own = self.own
        waiting = max((each.lag_seconds for number, each in self.progress.items() if number in own), default=0.0)
        self._lateness.note(self._overdue(), now, waiting)
        await asyncio.sleep(_LOOK_SECONDS)

    async def run_calendars(self) -> None:
        """Keep the sessions of the exchanges whose bars are known. Reading them takes seconds, and the looks go on."""
        while self._settings.bars_due_hours > 0.0:
            await self._sessions.refresh(self._sweep.census.calendars(), self._now().date())
            await asyncio.sleep(_CALENDAR_SECONDS)

    @property
    def own(self) -> frozenset[int]:
        """The partitions of the bars that are this worker's."""
        return frozenset(tp.partition for tp in self._membership.assigned if tp.topic == self._topic)

    @property
    def broker_silent_seconds(self) -> float:
        """Since the broker last answered."""
        return self._clock() - self._answered_at

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What keeps this worker, or its group, from its work; empty if nothing does."""
        now, own = self._clock(), self.own
        if not self._membership.is_active and self._unsettled_since is None:
            self._unsettled_since = now
        return judge(
            Measured(
                now=now,
                answered_at=self._answered_at,
                unsettled_since=None if self._membership.is_active else self._unsettled_since,
                restored_at=self._restoration.moved_at,
                partitions=[Partition(number, number in own, each) for number, each in sorted(self.progress.items())],
                deaths=self._requests.outcomes.deaths(now),
                failing=self._requests.outcomes.failing(now),
                training_stood_seconds=0.0 if self._training is None else self._training.stood_for(now),
                training_span_seconds=2.0 * self._settings.job_deadline_seconds + self._settings.training_patience_seconds,
                punctuality=self.punctuality(),
            )
        )

    def punctuality(self) -> list[Punctuality]:
        """How late the bars of each exchange are; nothing where none are expected (BARS_DUE_HOURS=0).

        Late only once the worker has caught up (`Lateness`).
        """
        return self._lateness.confirmed(self._overdue(), self._clock())

    def known_until(self, calendar: str) -> dt.date | None:
        """The last session of a calendar that is known, at most AHEAD_DAYS ahead; None while it is not known."""
        found = self._sessions.of(calendar)
        return found[-1].date if found else None

    @property
    def unknown_calendars(self) -> list[str]:
        """Calendars that are wanted and not read yet, or not readable: their late bars go unnoticed."""
        if not self._settings.bars_due_hours:
            return []
        return [name for name in self._sweep.census.calendars() if not self._sessions.of(name)]

    def _overdue(self) -> list[Punctuality]:
        grace = dt.timedelta(hours=self._settings.bars_due_hours)
        if not grace:
            return []
        now = self._now()
        known = [(name, newest, self._sessions.of(name)) for name, (_, newest) in self._sweep.census.calendars().items()]
        return [punctuality(name, newest, found, now, grace) for name, newest, found in known if found is not None]
