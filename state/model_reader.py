"""Reading the trained models while another process writes them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from state.copies import Copies, CopiesReader
from state.model_store import decode_stored
from state.newest import Copy, newest, revision_of
from state.stamp import payload_of


class ModelReader(CopiesReader):
    """Results of trainings as bytes (`models.results.decode_trained`), each from its newest copy. A context manager."""

    def __init__(self, state_dir: Path) -> None:
        self._copies = Copies(state_dir, "models")

    def get(self, ticker: str) -> bytes | None:
        """The ticker's newest result, or None. Raises StateMissingError, StateCorruptError, SchemaError."""
        key = ticker.encode()
        found = {value for _, value in self._copies.read(lambda database: database.get(key)) if value is not None}
        copies = [Copy(revision_of(value), partial(_load, ticker, value)) for value in sorted(found)]
        choice = newest(copies, last_bar=lambda _: 0)
        if choice.value is None and choice.passed_over:
            raise choice.passed_over[0].with_traceback(None)
        return choice.value


def _load(ticker: str, value: bytes) -> bytes:
    return decode_stored(ticker, payload_of(ticker, value)).payload
