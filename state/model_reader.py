"""Reading the trained models while another process writes them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from errors import ForecastingError
from state.copies import Copies, CopiesReader
from state.model_store import decode_stored
from state.newest import Copy, newest, revision_of
from state.notices import Notices
from state.stamp import payload_of

logger = logging.getLogger(__name__)


class ModelReader(CopiesReader):
    """Results of trainings as bytes (`models.results.decode_trained`), each from its newest copy. A context manager."""

    def __init__(self, state_dir: Path) -> None:
        self._copies = Copies(state_dir, "models")
        self._notices = Notices(logger)

    def get(self, ticker: str) -> bytes | None:
        """The ticker's newest result, or None. Raises StateMissingError, StateCorruptError, SchemaError."""
        key = ticker.encode()
        return _newest(ticker, {value for _, value in self._copies.read(lambda database: database.get(key))})

    def get_many(self, tickers: Iterable[str]) -> dict[str, bytes]:
        """The newest results of the tickers that have a readable one, with a warning for the others. Raises as `get` does."""
        wanted = list(dict.fromkeys(tickers))
        keys = [ticker.encode() for ticker in wanted]
        copies = [values for _, values in self._copies.read(lambda database: database.get_many(keys))]
        found: dict[str, bytes] = {}
        for ticker, *held in zip(wanted, *copies, strict=True):
            try:
                value = _newest(ticker, set(held))
            except ForecastingError as error:
                self._notices.warn(ticker, "stored models left out ticker=%s reason=%s", ticker, error)
                continue
            if value is not None:
                found[ticker] = value
        return found


def _newest(ticker: str, values: set[bytes | None]) -> bytes | None:
    stored = sorted(value for value in values if value is not None)
    copies = [Copy(revision_of(value), partial(_load, ticker, value)) for value in stored]
    choice = newest(copies, last_bar=lambda _: 0)
    if choice.value is None and choice.passed_over:
        raise choice.passed_over[0].with_traceback(None)
    return choice.value


def _load(ticker: str, value: bytes) -> bytes:
    return decode_stored(ticker, payload_of(ticker, value)).payload
