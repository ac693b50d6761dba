"""The declared form: how a file was read, for people; and what the user may declare in its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from errors import SettingsError
from producers.forms.months import LANGUAGES

#: Key of `--read-as` → what it takes.
DECLARABLE: Final[Mapping[str, str]] = {
    "encoding": "a codec's name, as utf-8, gbk, cp1252",
    "delimiter": "the sign between columns: comma, semicolon, tab, pipe, blank",
    "decimal": "point or comma",
    "dates": "year.month.day, day.month.year, month.day.year; since 1970: seconds, milliseconds, microseconds, nanoseconds, "
    "days; other counts of days: excel, excel1904, sas, matlab, ordinal (since the year 1)",
    "months": "the language of the months' names, as croatian or polish",
    "days": "written (the dates as they stand), next (each is a day early) or previous (each is a day late)",
    "prices": "raw (dividends and splits stand apart) or adjusted (they are in the prices)",
    "ticker": "the name of a column, or: file, folder",
    **dict.fromkeys(
        ("date", "open", "high", "low", "close", "volume", "adjusted_close", "dividend", "split", "time", "currency"),
        "the name of the column, as it stands in the file",
    ),
}
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "delimiter": ("comma", "semicolon", "tab", "pipe", "blank"),
    "decimal": ("point", "comma"),
    "dates": (
        "year.month.day", "day.month.year", "month.day.year", "seconds", "milliseconds", "microseconds", "nanoseconds", "excel",
        "excel1904", "sas", "days", "matlab", "ordinal",
    ),
    "months": tuple(map(str.lower, LANGUAGES)),
    "days": ("written", "next", "previous"),
    "prices": ("raw", "adjusted"),
}  # fmt: skip
_FORM: Final = ("encoding", "delimiter", "decimal", "dates", "months", "days", "prices")


@dataclass(frozen=True, slots=True)
class Declared:
    """What the user says of a file's form; None, or no column, where the file decides. `given`: the texts that say so."""

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    dates: str | None = None
    months: str | None = None
    days: str | None = None
    prices: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    given: tuple[str, ...] = ()

    @property
    def of_columns(self) -> dict[str, str]:
        """Our name → the column that is declared for it; not the words file and folder, which name a ticker."""
        return {ours: theirs for ours, theirs in self.columns.items() if theirs not in ("file", "folder")}

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """From `key=value` texts of the command line. Raises SettingsError for an unknown key or value."""
        form: dict[str, str] = {}
        columns: dict[str, str] = {}
        given = tuple(texts)
        for text in given:
            key, equals, value = (part.strip() for part in text.partition("="))
            if not (equals and value) or key not in DECLARABLE:
                raise SettingsError(f"--read-as {text!r}: write key=value with one of the keys {', '.join(DECLARABLE)}")
            if key in _CHOICES and value not in _CHOICES[key]:
                raise SettingsError(f"--read-as {key}={value}: one of {', '.join(_CHOICES[key])} is needed")
            (form if key in _FORM else columns)[key] = value
        return cls(**form, columns=columns, given=given)


@dataclass(frozen=True, slots=True)
class Form:
    """How a file was read. `columns`: our name → the file's. `ignored`: columns that are not used, as they stand."""

    container: str
    encoding: str | None = None
    delimiter: str | None = None
    header: str = "one header row"
    decimal: str | None = None
    dates: str | None = None
    ticker: str = "from the file name"
    columns: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The form in one line, without the file's name."""
        parts = [
            f"{self.delimiter} {self.container}" if self.delimiter else self.container,
            self.encoding if self.encoding not in (None, "UTF-8") else None,
            self.header if self.header != "one header row" else None,
            self.decimal,
            f"dates as {self.dates}" if self.dates else None,
            f"ticker {self.ticker}",
            self._renamed(),
            f"not used: {', '.join(map(repr, self.ignored))}" if self.ignored else None,
        ]
        return ", ".join(part for part in parts if part)

    def _renamed(self) -> str | None:
        """Columns under names other than ours."""
        others = [
            f"{ours} is {theirs!r}" for ours, theirs in self.columns.items() if theirs.casefold() != ours and ours != "ticker"
        ]
        return ", ".join(others) or None
