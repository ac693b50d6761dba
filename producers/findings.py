"""What a reader found out on its way: how files were read, what was done to which ticker's bars, and what was passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from producers.forms.containers import PassedOver
from producers.forms.declared import Form
from text import encodable

#: How many of each kind a command prints. `producers check` lists more.
_SHOWN: Final = 10


@dataclass(slots=True)
class Findings:
    """Filled as a source is read. `forms`: sentence of a form → the files read so. `notes`: what was done → the tickers."""

    forms: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    passed_over: list[PassedOver] = field(default_factory=list)

    def add_form(self, where: str, form: Form) -> None:
        """A file was read so."""
        self.forms.setdefault(form.sentence(), []).append(encodable(where))

    def add_note(self, ticker: str, text: str) -> None:
        """What was done to a ticker's bars, or is to be known of them."""
        tickers = self.notes.setdefault(text, [])
        if ticker not in tickers:
            tickers.append(ticker)

    def lines(self, *, limit: int = _SHOWN) -> Iterator[str]:
        """As text: forms with their files, notes with their tickers, files passed over."""
        for sentence, files in list(self.forms.items())[:limit]:
            yield f"read as: {sentence} ({_few(files)})"
        if len(self.forms) > limit:
            yield f"… and {len(self.forms) - limit:,} more forms"
        for text, tickers in list(self.notes.items())[:limit]:
            yield f"{_few(tickers)}: {text}"
        if len(self.notes) > limit:
            yield f"… and {len(self.notes) - limit:,} more notes"
        for one in self.passed_over[:limit]:
            yield f"passed over: {one.where}: {one.reason}"
        if len(self.passed_over) > limit:
            yield f"… and {len(self.passed_over) - limit:,} more files passed over"


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
