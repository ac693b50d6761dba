"""Which bars of a history are in which currency. Pure.

A currency belongs to the edition of its bar, like a dividend: the edition that counts says it or says nothing. Of two editions
that differ in nothing else, one that names a currency counts, then the last by name. So any order of arrival ends the same.
"""

from __future__ import annotations

import numpy as np

from history.editions import Arrivals, same_edition
from history.ticker_state import TickerState
from records import Bars, CurrencySpan


def currencies_after(
    before: TickerState, after: TickerState, bars: Bars, fetched: float, arrivals: Arrivals, currency: str | None
) -> tuple[CurrencySpan, ...]:
    """`TickerState.currencies` of the state `after` these bars, fetched at the moment `fetched` and in `currency`, if known."""
    if currency is None and not before.currencies:
        return ()
    held = after.delivered
    names = sorted({"", currency or "", *(span.currency for span in before.currencies)})
    code = np.zeros(len(held), np.intp)
    for span in before.currencies:
        code[held.day.searchsorted(span.first) : held.day.searchsorted(span.last, "right")] = names.index(span.currency)
    row = np.minimum(held.day.searchsorted(bars.day), len(held) - 1)
    kept = held.day[row] == bars.day
    arriving = names.index(currency or "")
    code[row[kept & arrivals.taken]] = arriving
    tied = kept & ~arrivals.taken & (after.fetched[row] == fetched)
    if tied.any():
        tied[tied] = same_edition(held[row[tied]], bars[tied])
        code[row[tied]] = np.maximum(code[row[tied]], arriving)
    first = np.flatnonzero(np.diff(code, prepend=-1))
    last = np.append(first[1:], len(code)) - 1
    return tuple(
        CurrencySpan(int(held.day[begin]), int(held.day[end]), names[code[begin]])
        for begin, end in zip(first, last, strict=True)
        if names[code[begin]]
    )
