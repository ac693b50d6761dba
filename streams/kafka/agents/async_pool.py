"""The training pool for coroutines: `await pool.train(job)` gives the outcome."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

from errors import TrainingError
from models.results import TrainingJob
from streams.training.ticker_pool import TickerOutcome, TickerPool

#: A training takes half a second, so this adds little.
_POLL_SECONDS: Final = 0.02
_RETRY_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)


class AsyncTrainingPool:
    """One pool for many coroutines. An async context manager. `trained` counts successful trainings.

    Only one thread uses the pool: starting processes blocks for seconds while their libraries load, and messages must not wait.
    """

    def __init__(self, pool: TickerPool) -> None:
        self._pool = pool
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="training pool")
        self._new: dict[str, TrainingJob] = {}
        self._waiting: dict[str, tuple[TrainingJob, asyncio.Future[TickerOutcome]]] = {}
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.trained = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="training pool")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the processes at once, whatever they do. Requests that are not done are read from their topic again."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await asyncio.get_running_loop().run_in_executor(self._thread, self._pool.close)
        self._thread.shutdown()

    async def train(self, job: TrainingJob) -> TickerOutcome:
        """The job's outcome. Raises TrainingError if another job of the ticker comes before it."""
        ticker = job.window.ticker
        former = self._waiting.get(ticker)
        if former is not None and not former[1].done():
            former[1].set_exception(TrainingError(f"{ticker}: its training was superseded by a newer training"))
        future: asyncio.Future[TickerOutcome] = asyncio.get_running_loop().create_future()
        entry = self._waiting[ticker] = (job, future)
        self._asked.set()
        self._new[ticker] = job
        try:
            return await future
        finally:
            if self._waiting.get(ticker) is entry:
                del self._waiting[ticker]
                self._new.pop(ticker, None)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def deaths(self) -> int:
        """How often training processes were lost."""
        return self._pool.deaths

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds that trainings took, by model; a copy, as another thread adds to them."""
        return dict(self._pool.seconds)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._asked.wait()
            if not self._waiting:
                self._asked.clear()
            new, self._new = self._new, {}
            try:
                outcomes = await loop.run_in_executor(self._thread, self._poll, new)
            except Exception:
                # Any error: without this task no training would ever end, and nothing would report it.
                logger.exception("training pool failed, tried again")
                self._new = new | self._new
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            for outcome in outcomes:
                job, future = self._waiting.get(outcome.key, (None, None))
                if future is not None and outcome.job is job and not future.done():
                    self.trained += outcome.error is None
                    future.set_result(outcome)
            await asyncio.sleep(_POLL_SECONDS)

    def _poll(self, new: dict[str, TrainingJob]) -> list[TickerOutcome]:
        for ticker, job in new.items():
            self._pool.request(ticker, lambda job=job: job)  # type: ignore[misc]  # mypy cannot infer a default's type here
        return self._pool.poll(block=False)
