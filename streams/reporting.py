"""What an engine tells people: trained models and their scores, refused and suspect bars."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import msgspec

from errors import StateWriteError
from models.results import TrainedTicker
from models.selection.evidence import significance
from records import RejectedBar, Suspicion, date_of

logger = logging.getLogger(__name__)

#: Refused bars that are logged one by one; the file has them all.
LOGGED_REJECTIONS: Final = 20
#: Tickers that a summary names.
NAMED_IN_SUMMARY: Final = 20


class Summary(msgspec.Struct, kw_only=True):
    """What a run did.

    `fallback` says by ticker why no trained model serves it; `quiet` names the tickers whose last bar is more than
    `fresh_sessions` sessions older than the newest of all: their forecasts stay as they are, and readers take them as stale.
    """

    tickers: int = 0
    bars_new: int = 0
    bars_duplicate: int = 0
    bars_corrected: int = 0
    bars_expired: int = 0
    bars_rejected: int = 0
    trained: int = 0
    training_failed: int = 0
    forecasts_written: int = 0
    fallback: dict[str, str] = {}
    quiet: tuple[str, ...] = ()


def summary_lines(summary: Summary) -> Iterator[str]:
    """The summary as text for people."""
    yield (
        f"bars: {summary.bars_new:,} new, {summary.bars_duplicate:,} known, {summary.bars_corrected:,} corrected, "
        f"{summary.bars_expired:,} older than what is kept, {summary.bars_rejected:,} rejected"
    )
    yield (
        f"tickers: {summary.tickers:,}; trained now: {summary.trained:,}, failed: {summary.training_failed:,}; "
        f"forecasts written: {summary.forecasts_written:,}"
    )
    named = sorted(summary.fallback.items())
    if named:
        yield f"without a trained model: {len(named):,}"
        yield from (f"  {ticker}: {reason}" for ticker, reason in named[:NAMED_IN_SUMMARY])
        if len(named) > NAMED_IN_SUMMARY:
            yield f"  … and {len(named) - NAMED_IN_SUMMARY:,} more; the forecast table tells of each why"
    if summary.quiet:
        yield f"without new bars: {len(summary.quiet):,} ({', '.join(summary.quiet[:NAMED_IN_SUMMARY])})"


def log_training(trained: TrainedTicker) -> None:
    """Scores of every candidate and what was selected at INFO, what failed as a warning.

    `return_evidence` and `variance_evidence` are the candidate's weight against the baseline in standard errors: it serves
    from `evidence.BAR` on, and so far as `return_weight` and `volatility_weight` say.
    """
    for score in trained.candidates:
        logger.info(
            "candidate ticker=%s model=%s origins=%d return_r2=%s return_rmse=%s volatility_r2=%s volatility_rmse=%s qlike=%s "
            "sharpe=%s return_evidence=%s variance_evidence=%s",
            trained.ticker,
            score.model,
            score.origins,
            *map(
                _figure,
                (
                    score.return_r2,
                    score.return_rmse,
                    score.volatility_r2,
                    score.volatility_rmse,
                    score.qlike,
                    score.sharpe,
                    None if score.return_evidence is None else significance(score.return_evidence),
                    None if score.variance_evidence is None else significance(score.variance_evidence),
                ),
            ),
        )
    for step in trained.failures:
        logger.warning("candidate failed ticker=%s model=%s reason=%s", trained.ticker, step.model, step.reason)
    combination = trained.combination
    if combination is None:
        logger.warning("trained ticker=%s cutoff=%s bars=%d: no candidate left", *_of_training(trained))
        return
    logger.info(
        "trained ticker=%s cutoff=%s bars=%d return_model=%s return_best=%s return_weight=%.3f volatility_model=%s "
        "volatility_best=%s volatility_weight=%.3f",
        *_of_training(trained),
        *(combination.return_model, combination.return_best, combination.return_weight),
        *(combination.volatility_model, combination.volatility_best, combination.volatility_weight),
    )


def _of_training(trained: TrainedTicker) -> tuple[str, dt.date, int]:
    return trained.ticker, date_of(trained.cutoff), trained.bars_used


def log_suspect(one: Suspicion) -> None:
    """A bar that is hardly true in the history that it came into, and that a stream keeps all the same."""
    logger.warning("suspect bar kept ticker=%s date=%s rule=%s evidence=%s", one.ticker, one.date, one.rule, one.evidence)


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


class Rejections:
    """The refused bars of the current run, one JSON object a line, in a file that each run begins anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._count = 0

    def __enter__(self) -> Self:
        try:
            self._file = self._path.open("wb")
        except OSError as error:
            raise self._refusal(error) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._file is not None
        try:
            self._file.close()
        except OSError as failure:
            raise self._refusal(failure) from failure
        if self._count > LOGGED_REJECTIONS:
            logger.warning(
                "rejected bars=%d, of which %d are logged; all are in %s", self._count, LOGGED_REJECTIONS, self._path
            )

    def add(self, bar: RejectedBar) -> None:
        """Keep a refused bar. Raises StateWriteError when the disk refuses."""
        assert self._file is not None, "used outside its context"
        self._count += 1
        if self._count <= LOGGED_REJECTIONS:
            logger.warning("rejected ticker=%s date=%s reason=%s", bar.ticker, bar.date, bar.reason)
        try:
            self._file.write(msgspec.json.encode(bar) + b"\n")
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> StateWriteError:
        return StateWriteError(f"{self._path}: cannot be written ({error.strerror}); make room or mend the permissions")
