"""The sources of bars: the names of `--source`, each with what opens it; apart from the sources, which load NumPy."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self


class SourceName(StrEnum):
    """Where bars come from: name, `module:function` that opens it (`producers.opening.Opener`), what `--help` says of it.

    A live source is asked anew each day for what is new; the others are histories that end.
    """

    opener_path: str
    meaning: str
    is_live: bool

    SAMPLE = "sample", "producers.sample:open_sample", "real bars of five shares"
    FILE = "file", "producers.files:open_path", "your own (--path)"
    YFINANCE = "yfinance", "producers.yahoo:open_yahoo", "Yahoo's (--tickers or --group)", True

    def __new__(cls, name: str, opener_path: str, meaning: str, is_live: bool = False) -> Self:  # noqa: FBT001, FBT002 - a line
        """A name that carries where its opener is."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.opener_path = opener_path
        member.meaning = meaning
        member.is_live = is_live
        return member


#: The sources by what `--source` says.
SOURCES: Final[dict[str, SourceName]] = {source.value: source for source in SourceName}
