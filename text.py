"""Lists in one line of text: commas in settings and options, and shortened lists in messages."""

from __future__ import annotations

from collections.abc import Iterable


def comma_list(text: str) -> list[str]:
    """The parts between commas, without the blanks around them; empty parts are left out.

    >>> comma_list("AAPL, MSFT,,")
    ['AAPL', 'MSFT']
    """
    return [part.strip() for part in text.split(",") if part.strip()]


def shortened(items: Iterable[object], limit: int = 5) -> str:
    """The first `limit` items, and the number of the others.

    >>> shortened(["A", "B"]), shortened("ABCDEFG", limit=2)
    ('A, B', 'A, B and 5 more')
    """
    shown = [str(item) for item in items]
    more = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {more:,} more" if more > 0 else "")
