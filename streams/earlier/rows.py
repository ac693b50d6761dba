"""Forecast rows as of earlier dates, from the histories and models of a state folder."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import uuid
from collections.abc import Hashable, Mapping
from typing import Final, NamedTuple, Self

from cachetools import LRUCache

from errors import ForecastingError, StateMissingError
from history.earlier import earlier_row
from history.schedule import bars_up_to
from models.serving import LoadedTicker, load_trained
from records import day_number, encode_forecast
from settings import Settings
from state.earlier_messages import Answer, Question, too_early
from state.model_reader import ModelReader
from state.readers import HistoryReader

logger = logging.getLogger(__name__)

#: Rows that are kept, 4 kB each: all dates of some thousand tickers.
_KEPT_BYTES: Final = 64 << 20
NO_BARS: Final = "this folder has no bars of it: let its replica copy bars (REPLICA_BARS), or ask where the workers run"

#: What a row is made of: the bars' revision, and the trained models as they are stored.
Sources = tuple[Hashable, bytes | None]


class _Made(NamedTuple):
    """An encoded row, or why there is none, and what it was made of."""

    sources: Sources
    row: bytes
    reason: str


class EarlierRows:
    """Answers questions for rows, each made once for the same bars and models. For one thread; a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._histories = HistoryReader(settings.state_dir)
        self._models = ModelReader(settings.state_dir)
        self._made: LRUCache[tuple[str, dt.date], _Made] = LRUCache(_KEPT_BYTES, getsizeof=lambda made: len(made.row) + 1)
        # Revisions of two processes differ: a copy that replaced another may look the same to a new process.
        self._process = uuid.uuid4().hex

    def answer(self, question: Question) -> Answer:
        """The rows, or the reasons for which there are none. A ticker that fails does not stop the others."""
        try:
            sources = self._sources(question)
        except ForecastingError as error:
            logger.warning("no earlier forecasts date=%s reason=%s", question.date, error)
            return Answer("", (), dict.fromkeys(question.tickers, str(error)))
        revision = self._revision(sources)
        missing = {ticker: NO_BARS for ticker in question.tickers if ticker not in sources}
        if revision == question.revision:
            return Answer(revision, None, {})
        made = {ticker: self._row(ticker, question.date, found) for ticker, found in sources.items()}
        missing |= {ticker: each.reason for ticker, each in made.items() if each.reason}
        return Answer(revision, tuple(each.row for each in made.values() if not each.reason), missing)

    def close(self) -> None:
        """Close the readers."""
        self._histories.close()
        self._models.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sources(self, question: Question) -> dict[str, Sources]:
        try:
            held = self._histories.revisions(question.tickers)
        except StateMissingError:
            return {}
        try:
            models = self._models.get_many(held)
        except StateMissingError:
            models = {}
        return {ticker: (revision, models.get(ticker)) for ticker, revision in held.items()}

    def _revision(self, sources: Mapping[str, Sources]) -> str:
        digest = hashlib.blake2b(self._process.encode(), digest_size=16)
        for ticker, (bars, models) in sources.items():
            digest.update(repr((ticker, bars, models)).encode())
        return digest.hexdigest()

    def _row(self, ticker: str, date: dt.date, sources: Sources) -> _Made:
        known = self._made.get((ticker, date))
        if known is not None and known.sources == sources:
            return known
        try:
            state = self._histories.state(ticker)
            if state is None:
                return _Made(sources, b"", NO_BARS)
            later = len(state.bars) - bars_up_to(state, day_number(date))
            if later > self._settings.earlier_sessions:
                return _Made(sources, b"", too_early(later, self._settings.earlier_sessions))
            row = earlier_row(state, _loaded(ticker, sources[1]), date, self._settings)
            made = _Made(sources, encode_forecast(row), "")
        except ForecastingError as error:
            made = _Made(sources, b"", str(error))
        except Exception as error:
            logger.exception("earlier forecast failed ticker=%s date=%s", ticker, date)
            made = _Made(sources, b"", f"no forecast of {date} can be made: {type(error).__name__}: {error}")
        self._made[ticker, date] = made
        return made


def _loaded(ticker: str, stored: bytes | None) -> LoadedTicker | None:
    """The models; None, with a warning, if they are damaged: the baseline serves then."""
    try:
        return None if stored is None else load_trained(stored)
    except ForecastingError as error:
        logger.warning("stored models unreadable, the baseline serves ticker=%s reason=%s", ticker, error)
        return None
