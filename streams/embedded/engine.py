"""The embedded engine: the operators of the pipeline in one process, from a source to the end of its bars.

What has to be done follows from what is stored, never from what an earlier run remembered: a training is due when no
stored result is that of the ticker's newest aged-out window, or when that result has expired or drifted since; until it is
done, what is stored serves. Every forecast of the state is made again at the end and written where it differs. So a run that
was killed anywhere is repaired by the next, and a run with nothing new writes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from errors import StateCorruptError
from history.forecasting import calls_for, is_current, is_usable, refresh, training_job, wanted_training
from history.pipeline import Absorbed, absorb
from history.schedule import due_training, sessions_behind
from history.ticker_state import DueTraining, TickerState
from models.results import TrainedTicker, TrainingJob, decode_trained, encode_trained
from models.serving import load_trained
from records import BarBatch, Forecast, RejectedBar, Suspicion
from settings import Settings
from state.folder import StateWriter
from streams.embedded.rejections import Rejections
from streams.embedded.state_cache import StateCache
from streams.embedded.summary import Summary
from streams.reporting import log_suspect, log_training
from streams.training.pool import Outcome, TrainingPool

logger = logging.getLogger(__name__)

Progress = Callable[[int | None, str], AbstractContextManager[Callable[[int], None]]]
Training = TrainingPool[TrainingJob, TrainedTicker]

NOT_TRAINED: Final = "training was switched off"


class EmbeddedEngine:
    """One run over a source. `today` bounds the dates of bars; `pool` None switches training off."""

    def __init__(
        self,
        writer: StateWriter,
        settings: Settings,
        *,
        state_dir: Path,
        today: dt.date,
        pool: Training | None,
        progress: Progress,
    ) -> None:
        self._writer = writer
        self._settings = settings
        self._today = today
        self._pool = pool
        self._progress = progress
        self._states = StateCache(writer.history)
        self._rejections = Rejections(state_dir / "rejected.jsonl")
        self._running: dict[str, DueTraining] = {}
        self._tried: dict[str, tuple[DueTraining, str | None]] = {}
        self._fresh: set[str] = set()
        self._summary = Summary()

    def run(self, items: Iterable[BarBatch | RejectedBar], *, bars_total: int | None = None) -> Summary:
        """Take everything in, train what is due, refresh every forecast. Raises what the source and the state raise."""
        with self._rejections:
            try:
                self._ingest(items, bars_total)
            finally:
                self._states.flush_all()
        tickers = self._writer.history.tickers()
        for ticker in tickers:
            self._settle(ticker)
        self._finish_trainings()
        for ticker in tickers:
            if ticker not in self._fresh:
                self._refresh(ticker, self._stored(ticker))
        self._finish_trainings()  # those that the rows have found to be due early
        self._summary.tickers = len(tickers)
        self._find_quiet(tickers)
        self._states.flush_all()
        return self._summary

    def _ingest(self, items: Iterable[BarBatch | RejectedBar], bars_total: int | None) -> None:
        current: str | None = None
        with self._progress(bars_total, "bars") as advance:
            for item in items:
                if isinstance(item, RejectedBar):
                    self._reject(item)
                    advance(1)
                    continue
                if current is not None and item.ticker != current:
                    # Its bars are through, as far as one can tell: train it while the others are read.
                    self._states.flush(current)
                    self._settle(current)
                current = item.ticker
                self._absorb(item)
                advance(len(item.date))
                self._collect(block=False)

    def _absorb(self, batch: BarBatch) -> None:
        state, outputs = absorb(self._states.get(batch.ticker), batch, today=self._today, settings=self._settings)
        for output in outputs:
            if isinstance(output, RejectedBar):
                self._reject(output)
            elif isinstance(output, Suspicion):
                log_suspect(output)
            elif isinstance(output, Absorbed):
                self._summary.bars_new += output.accepted
                self._summary.bars_duplicate += output.duplicate
                self._summary.bars_corrected += output.corrected
                self._summary.bars_expired += output.expired
                if output.restated_by != 1.0:
                    logger.warning("restated by its vendor ticker=%s factor=%.6g", batch.ticker, output.restated_by)
                if state is not None and output.changed_from is not None:
                    self._fresh.discard(batch.ticker)
                    self._states.put(state, changed_from=output.changed_from)

    def _reject(self, bar: RejectedBar) -> None:
        self._summary.bars_rejected += 1
        self._rejections.add(bar)

    def _settle(self, ticker: str) -> None:
        """Request the ticker's training if it is due and not done; withdraw what is no longer due."""
        state = self._states.get(ticker)
        if state is None or self._pool is None or ticker in self._fresh:
            return
        state = self._with_due(state)
        if state.due is None or self._is_done(state, state.due):
            self._pool.withdraw(ticker)
        else:
            self._pool.request(ticker, partial(self._job, ticker, state.due))

    def _is_done(self, state: TickerState, due: DueTraining) -> bool:
        """Whether the training or a later one is stored, runs, or was tried in this run."""
        tried = self._tried.get(state.ticker)
        if self._running.get(state.ticker) == due or (tried is not None and tried[0] == due):
            return True
        trained = self._stored(state.ticker)
        if trained is None or self._writer.models.has_expired(state.ticker):
            return False
        return trained.cutoff >= due.cutoff and is_current(trained, state, self._settings)

    def _with_due(self, state: TickerState) -> TickerState:
        due = due_training(state, self._settings)
        if due != state.due:  # the settings are others than when it was stored
            state = replace(state, due=due)
            self._states.put(state, changed_from=state.total_bars)
        return state

    def _held(self, ticker: str) -> TickerState:
        state = self._states.get(ticker)
        assert state is not None, f"{ticker}: asked for a ticker without a history"
        return state

    def _job(self, ticker: str, due: DueTraining) -> TrainingJob:
        self._running[ticker] = due
        return training_job(self._held(ticker), due, self._settings)

    def _stored(self, ticker: str) -> TrainedTicker | None:
        try:
            payload = self._writer.models.get(ticker)
            if payload is None:
                return None
            trained = decode_trained(payload)
        except StateCorruptError as error:  # this ticker's alone: the others' models are as good as before
            logger.warning("stored models unreadable, trained again ticker=%s reason=%s", ticker, error)
            return None
        return trained if is_usable(trained, self._settings) else None

    def _finish_trainings(self) -> None:
        if self._pool is None or not len(self._pool):
            return
        with self._progress(len(self._pool), "trainings") as advance:
            while len(self._pool):
                advance(self._collect(block=True))

    def _collect(self, *, block: bool) -> int:
        if self._pool is None:
            return 0
        outcomes = self._pool.poll(block=block)
        for outcome in outcomes:
            self._finish(outcome)
        return len(outcomes)

    def _finish(self, outcome: Outcome[TrainingJob, TrainedTicker]) -> None:
        """Keep a result, models before the forecast that rests on them; a result that is no longer the due one is dropped."""
        ticker = outcome.key
        due = _due_of(outcome.job)
        self._running.pop(ticker, None)
        self._tried[ticker] = (due, None if outcome.error is None else str(outcome.error))
        if not calls_for(self._held(ticker), due, self._settings):
            self._settle(ticker)
            return
        if outcome.result is None:
            self._summary.training_failed += 1
        else:
            self._summary.trained += 1
            self._writer.models.put(ticker, encode_trained(outcome.result))
            log_training(outcome.result)
        self._refresh(ticker, outcome.result)

    def _refresh(self, ticker: str, trained: TrainedTicker | None) -> None:
        state = self._held(ticker)
        tried = self._tried.get(ticker)
        reason = None
        if tried is not None and tried[1] is not None and tried[0] == state.due:
            # A failed training must leave the same row whatever was trained before it.
            trained, reason = None, tried[1]
        elif trained is None and state.due is not None and self._pool is None:
            reason = NOT_TRAINED
        row = self._row(state, trained, reason)
        if row.fallback is not None or row.annual_return is None:
            self._summary.fallback[ticker] = "; ".join(f"{step.model}: {step.reason}" for step in row.fallbacks)
        self._summary.forecasts_written += self._writer.forecasts.put_changed(row)
        self._fresh.add(ticker)
        missing = wanted_training(state, trained, row, self._settings)
        if self._pool is not None and missing is not None and not self._is_done(state, missing):
            self._pool.request(ticker, partial(self._job, ticker, missing))

    def _row(self, state: TickerState, trained: TrainedTicker | None, reason: str | None) -> Forecast:
        if trained is not None:
            try:
                return refresh(state, load_trained(trained), self._settings, previous=partial(self._previous, state.ticker))
            except Exception as error:  # whatever one ticker's models do, the others go on
                logger.exception("models failed ticker=%s", state.ticker)
                reason = f"its trained models failed: {type(error).__name__}: {error}"
        return refresh(state, None, self._settings, reason=reason)

    def _previous(self, ticker: str) -> Forecast | None:
        try:
            return self._writer.forecasts.get(ticker)
        except StateCorruptError as error:
            logger.warning("unreadable forecast row not used ticker=%s reason=%s", ticker, error)
            return None

    def _find_quiet(self, tickers: list[str]) -> None:
        last = {ticker: int(self._held(ticker).bars.day[-1]) for ticker in tickers}
        if not last:
            return
        sessions = self._held(max(tickers, key=last.__getitem__)).bars.day
        allowed = self._settings.fresh_sessions
        self._summary.quiet = tuple(t for t in tickers if sessions_behind(last[t], sessions) > allowed)
        for ticker in self._summary.quiet:
            logger.warning("quiet ticker=%s sessions_behind=%d", ticker, sessions_behind(last[ticker], sessions))


def _due_of(job: TrainingJob) -> DueTraining:
    return DueTraining(cutoff=int(job.window.day[-1]), digest=job.digest)
