"""Text of messages: lists in one line, texts that UTF-8 can hold, and reasons counted without the data in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

#: Reasons that a summary lists.
LISTED_REASONS: Final = 20

_DATE: Final = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_FIGURE: Final = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?%?(?!\w)")


def comma_list(text: str) -> list[str]:
    """The parts between commas, without the blanks around them; empty parts are left out.

    >>> comma_list("AAPL, MSFT,,")
    ['AAPL', 'MSFT']
    """
    return [part.strip() for part in text.split(",") if part.strip()]


def encodable(text: str) -> str:
    r"""The text with lone surrogates as escapes: file names may hold bytes that are not UTF-8, and UTF-8 cannot hold them.

    >>> encodable("B\udcfe.csv")
    'B\\udcfe.csv'
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def shortened(items: Iterable[object], limit: int = 5) -> str:
    """The first `limit` items, and the number of the others.

    >>> shortened(["A", "B"]), shortened("ABCDEFG", limit=2)
    ('A, B', 'A, B and 5 more')
    """
    shown = [str(item) for item in items]
    more = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {more:,} more" if more > 0 else "")


def without_data(reason: str, ticker: str) -> str:
    """A reason without the dates, figures and ticker in it, so that like reasons are counted together.

    >>> without_data("A: 2 bars of 2024-01-02 with other values; none is taken", "A")
    'TICKER: N bars of DATE with other values; none is taken'
    """
    named = re.compile(rf"(?<![\w.]){re.escape(ticker)}(?![\w.])") if ticker else None
    reason = _DATE.sub("DATE", reason if named is None else named.sub("TICKER", reason))
    return _FIGURE.sub("N", reason)


class ReasonGroup(NamedTuple):
    """A reason as it was first given, how often it or the like of it was given, and for which tickers."""

    reason: str
    times: int
    tickers: tuple[str, ...]
    is_one: bool

    def line(self) -> str:
        """The group as text."""
        repeated = f"{self.times:,} of " if self.times > len(self.tickers) else ""
        alike = "" if self.is_one else ", and the like"
        return f"{repeated}{shortened(self.tickers)}: {self.reason}{alike}"


def grouped_reasons(given: Iterable[tuple[str, str]]) -> list[ReasonGroup]:
    """Pairs of a ticker and a reason as groups, the largest first: reasons that differ in data alone are one group.

    >>> given = [("A", "9 bars, 504 needed"), ("B", "7 bars, 504 needed"), ("C", "no date")]
    >>> [group.line() for group in grouped_reasons(given)]
    ['A, B: 9 bars, 504 needed, and the like', 'C: no date']
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for ticker, reason in given:
        groups.setdefault(without_data(reason, ticker), []).append((ticker, reason))
    found = [
        ReasonGroup(
            members[0][1],
            len(members),
            tuple(dict.fromkeys(ticker for ticker, _ in members)),
            len({reason for _, reason in members}) == 1,
        )
        for members in groups.values()
    ]
    return sorted(found, key=lambda group: -group.times)


def counted_reasons(by_reason: Mapping[str, int], what: str) -> Iterator[str]:
    """Counts by reason as lines of a summary, the most frequent first; `what` happened for the reason.

    >>> list(counted_reasons({"volume missing": 1, "high not positive": 28}, "rejected"))
    ['  28 rejected: high not positive', '  1 rejected: volume missing']
    """
    counts = Counter(by_reason)
    yield from (f"  {count:,} {what}: {reason}" for reason, count in counts.most_common(LISTED_REASONS))
    if len(counts) > LISTED_REASONS:
        yield f"  … and {len(counts) - LISTED_REASONS:,} more reasons"
