"""The embedded engine: the pipeline in one process, from a source to the end of its bars.

Everything that a run has to do follows from the stored state: a training is due if no stored result is that of the ticker's
newest completed period, or if the result has expired or drifted. Until the training is done, the stored result serves. At the
end each forecast of the state is made again, and written if it differs. So the next run repairs a run that was killed anywhere,
and a run without new bars writes nothing.
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

from history.forecasting import calls_for, is_usable, training_job
from history.pipeline import absorb
from history.schedule import due_training, sessions_behind
from history.ticker_state import DueTraining, TickerState
from marketdata.calendars import sessions_since
from models.results import TrainedTicker, TrainingJob, decode_trained, encode_trained
from models.serving import load_trained
from records import BarBatch, RejectedBar, date_of, fallback_text
from settings import Settings
from state.folder import StateWriter
from streams.embedded.rejections import Rejections
from streams.embedded.state_cache import StateCache
from streams.embedded.summary import Summary
from streams.outputs import effects_of, log_effects
from streams.reporting import log_training
from streams.rows import make_row, readable_models, readable_row
from streams.training.ledger import TrainingLedger, covers
from streams.training.ticker_pool import TickerOutcome, TickerPool

logger = logging.getLogger(__name__)

Progress = Callable[[int | None, str], AbstractContextManager[Callable[[int], None]]]

NOT_TRAINED: Final = "training was switched off"


class EmbeddedEngine:
    """One run over a source. Bars after `today` are refused. Without a `pool` nothing is trained."""

    def __init__(
        self,
        writer: StateWriter,
        settings: Settings,
        *,
        state_dir: Path,
        today: dt.date,
        pool: TickerPool | None,
        progress: Progress,
    ) -> None:
        self._writer = writer
        self._settings = settings
        self._today = today
        self._pool = pool
        self._progress = progress
        self._states = StateCache(writer.history)
        self._rejections = Rejections(state_dir / "rejected.jsonl")
        # A training that fails is not tried again by the same run: the pool has tried it twice.
        self._trainings = TrainingLedger()
        # Tickers whose stored row is up to date.
        self._fresh: set[str] = set()
        self._summary = Summary()

    def run(self, items: Iterable[BarBatch | RejectedBar], *, bars_total: int | None = None) -> Summary:
        """Take all bars, run due trainings, refresh every forecast. Raises as the source and the state do."""
        with self._rejections:
            try:
                self._ingest(items, bars_total)
            finally:
                self._states.flush_all()
        tickers = self._writer.history.tickers()
        for ticker in tickers:
            self._request_due(ticker)
        self._finish_trainings()
        for ticker in tickers:
            if ticker not in self._fresh:
                self._refresh(ticker, self._stored(ticker))
        self._finish_trainings()  # early trainings that the rows request
        self._summary.tickers = len(tickers)
        self._summary.rejections = dict(self._rejections.by_reason)
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
                    # Most likely its bars are complete: train it while other bars are read.
                    self._states.flush(current)
                    self._request_due(current)
                current = item.ticker
                self._absorb(item)
                advance(len(item.date))
                self._collect(block=False)

    def _absorb(self, batch: BarBatch) -> None:
        state, outputs = absorb(self._states.get(batch.ticker), batch, today=self._today, settings=self._settings)
        effects = effects_of(outputs)
        for bar in effects.rejected:
            self._reject(bar)
        log_effects(batch.ticker, effects)
        self._summary.bars_new += effects.new
        self._summary.bars_duplicate += effects.duplicate
        self._summary.bars_corrected += effects.corrected
        self._summary.bars_expired += effects.expired
        if state is not None and effects.changed_from is not None:
            self._fresh.discard(batch.ticker)
            self._states.put(state, changed_from=effects.changed_from)

    def _reject(self, bar: RejectedBar) -> None:
        self._summary.bars_rejected += 1
        self._rejections.add(bar)

    def _request_due(self, ticker: str) -> None:
        """Request the ticker's due training if it is missing; withdraw a request that is no longer needed."""
        state = self._states.get(ticker)
        if state is None or self._pool is None or ticker in self._fresh:
            return
        state = self._with_due(state)
        if state.due is None or self._is_done(state, state.due):
            self._pool.withdraw(ticker)
            self._trainings.withdraw(ticker)
        else:
            self._request(self._pool, ticker, state.due)

    def _request(self, pool: TickerPool, ticker: str, due: DueTraining) -> None:
        if self._trainings.request(ticker, due):
            pool.request(ticker, partial(self._job, ticker, due))

    def _is_done(self, state: TickerState, due: DueTraining) -> bool:
        """Whether the training runs, has failed in this run, or is covered by a stored result."""
        if self._trainings.is_running(state.ticker, due):
            return True
        return self._trainings.is_done(state.ticker, due, 0.0, partial(self._is_covered, state, due))

    def _is_covered(self, state: TickerState, due: DueTraining) -> bool:
        trained = self._stored(state.ticker)
        if trained is None or self._writer.models.has_expired(state.ticker):
            return False
        return covers(trained, due, lambda: state, self._settings)

    def _with_due(self, state: TickerState) -> TickerState:
        due = due_training(state, self._settings)
        if due != state.due:  # the settings have changed since it was stored
            state = replace(state, due=due)
            self._states.put(state, changed_from=state.total_bars)
        return state

    def _held(self, ticker: str) -> TickerState:
        state = self._states.get(ticker)
        assert state is not None, f"{ticker}: asked for a ticker without a history"
        return state

    def _job(self, ticker: str, due: DueTraining) -> TrainingJob:
        self._trainings.begin(ticker, due)
        return training_job(self._held(ticker), due, self._settings)

    def _stored(self, ticker: str) -> TrainedTicker | None:
        trained = readable_models(ticker, partial(self._read_models, ticker))
        return trained if trained is not None and is_usable(trained, self._settings) else None

    def _read_models(self, ticker: str) -> TrainedTicker | None:
        payload = self._writer.models.get(ticker)
        return None if payload is None else decode_trained(payload)

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

    def _finish(self, outcome: TickerOutcome) -> None:
        """Store a result: the models first, then the row. A superseded result is dropped."""
        ticker = outcome.key
        due = _due_of(outcome.job)
        if not calls_for(self._held(ticker), due, self._settings):
            self._trainings.supersede(ticker, due)
            self._request_due(ticker)
            return
        if outcome.result is None:
            self._trainings.fail(ticker, due, str(outcome.error), 0.0)
            self._summary.training_failed += 1
        else:
            self._trainings.succeed(ticker, due)
            self._summary.trained += 1
            self._writer.models.put(ticker, encode_trained(outcome.result))
            log_training(outcome.result)
        self._refresh(ticker, outcome.result)

    def _refresh(self, ticker: str, trained: TrainedTicker | None) -> None:
        state = self._held(ticker)
        reason = self._trainings.failure(ticker, state.due)
        if reason is not None:
            # A failed training must leave the same row whatever was trained before it.
            trained = None
        elif trained is None and state.due is not None and self._pool is None:
            reason = NOT_TRAINED
        previous = partial(readable_row, ticker, partial(self._writer.forecasts.get, ticker))
        row, missing = make_row(state, trained, load_trained, self._settings, reason=reason, previous=previous)
        if row.fallback is not None or row.annual_return is None:
            self._summary.fallback[ticker] = fallback_text(row.fallbacks, ticker)
        self._summary.forecasts_written += self._writer.forecasts.put_changed(row)
        self._fresh.add(ticker)
        if self._pool is not None and missing is not None and not self._is_done(state, missing):
            self._request(self._pool, ticker, missing)

    def _find_quiet(self, tickers: list[str]) -> None:
        last = {ticker: int(self._held(ticker).bars.day[-1]) for ticker in tickers}
        if not last:
            return
        sessions = self._held(max(tickers, key=last.__getitem__)).bars.day
        allowed = self._settings.fresh_sessions
        newest = date_of(sessions[-1])
        self._summary.quiet = tuple(
            t
            for t in tickers
            if sessions_behind(last[t], sessions) > allowed
            and sessions_since(t, date_of(last[t]), newest, enough=allowed) > allowed  # holidays of its own make nothing quiet
        )
        for ticker in self._summary.quiet:
            logger.warning("quiet ticker=%s sessions_behind=%d", ticker, sessions_behind(last[ticker], sessions))


def _due_of(job: TrainingJob) -> DueTraining:
    return DueTraining(cutoff=int(job.window.day[-1]), digest=job.digest)
