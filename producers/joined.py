"""Bars of one ticker from several files: parts of a history put together, copies of it refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from producers.forms.counts import NOT_A_DAY
from producers.raw import RawBars
from records import RejectedBar, not_daily

#: Parts may repeat a few dates at their seams.
_FEW_COMMON: Final = 0.1


def joined(items: Iterable[RawBars | RejectedBar], *, taken: frozenset[str] = frozenset()) -> Iterator[RawBars | RejectedBar]:
    """Rejected bars first, then one RawBars a ticker, by name.

    A ticker of two files that overlap, or are in two currencies, is refused with both.

    `taken` are tickers of which another file has been read already.
    """
    parts: dict[str, list[RawBars]] = {}
    for item in items:
        if isinstance(item, RejectedBar):
            yield item
        else:
            parts.setdefault(item.ticker, []).append(item)
    for ticker in sorted(parts):
        found = parts[ticker]
        if ticker in taken:
            yield RejectedBar(
                ticker,
                "",
                f"more bars of {ticker} in {_places(found)}, beside the file that is named after it; keep one of them",
            )
        elif len(found) == 1:
            yield found[0]
        else:
            yield _together(ticker, found)


def _together(ticker: str, parts: list[RawBars]) -> RawBars | RejectedBar:
    days = np.concatenate([part.day for part in parts])
    common = len(days) - len(np.unique(days))
    if common > _FEW_COMMON * min(len(part.day) for part in parts) and common > len(parts):
        return RejectedBar(ticker, "", f"{_places(parts)} are all of {ticker} and have the same dates; keep one of them")
    spacing = {part.where: why for part in parts if (why := not_daily(np.unique(part.day[part.day != NOT_A_DAY]))) is not None}
    if 0 < len(spacing) < len(parts):
        where, why = next(iter(spacing.items()))
        others = " and ".join(dict.fromkeys(part.where for part in parts if part.where not in spacing))
        return RejectedBar(ticker, "", f"{where} and {others} are all of {ticker}: {where} has {why}; keep the other alone")
    currencies = {part.currency: part.where for part in parts if part.currency is not None}
    if len(currencies) > 1:
        found = " and ".join(f"{where} in {currency}" for currency, where in sorted(currencies.items()))
        return RejectedBar(
            ticker, "", f"prices of {ticker} in several currencies: {found}; keep one, or name the others otherwise"
        )
    names = set.intersection(*(set(part.values) for part in parts))
    at = np.cumsum([0, *(len(part.day) for part in parts)])
    undated = {int(at[i]) + row: text for i, part in enumerate(parts) for row, text in part.undated.items()}
    fetched = [part.fetched for part in parts if part.fetched is not None]
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values if name in names}
    currency = next(iter(currencies), None)
    return RawBars(ticker, days, values, undated, max(fetched, default=None), where=parts[0].where, currency=currency)


def _places(parts: list[RawBars]) -> str:
    return " and ".join(dict.fromkeys(part.where for part in parts))
