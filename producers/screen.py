"""Suspect bars on their way from a source: found, and held out if so set."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from records import Bars, RejectedBar, Suspicion, SuspicionRule, day_number, suspicions
from records.suspicion import IMPOSSIBLE, OF_THE_BAR_ITSELF
from records.units import in_one_unit, total_returns, unit_stretches
from settings import SuspectBars

logger = logging.getLogger(__name__)

#: Suspect bars that a run lists: over many tickers there were 33,158 once.
_LISTED: Final = 20
_HELD_OUT: Final[dict[SuspectBars, frozenset[SuspicionRule]]] = {
    SuspectBars.IMPOSSIBLE: IMPOSSIBLE,
    SuspectBars.QUARANTINE: OF_THE_BAR_ITSELF,
}


def suspect_lines(found: Sequence[Suspicion]) -> Iterator[str]:
    """Suspect bars as text: how many by each rule, and the first of them. `producers check` lists more."""
    counts = Counter(str(one.rule) for one in found)
    yield f"suspect bars: {len(found):,} ({', '.join(f'{count:,} {rule}' for rule, count in counts.most_common())})"
    yield from (f"suspect: {one.ticker}: {one.date} {one.rule}: {one.evidence}" for one in found[:_LISTED])
    if len(found) > _LISTED:
        yield f"… and {len(found) - _LISTED:,} more; python -m producers check lists them"


class Screen:
    """Looks at each ticker's bars once; `found` are the suspicions so far."""

    def __init__(self, suspect_bars: SuspectBars) -> None:
        self._suspect_bars = suspect_bars
        self.found: list[Suspicion] = []

    def __call__(self, ticker: str, bars: Bars) -> tuple[Bars, list[RejectedBar]]:
        """The bars that pass, and the bars that are held out, each with its evidence.

        With the setting `impossible` those are held out that cannot be, with `quarantine` all whose own values are doubtful. A
        doubtful level stays: without its first bar the next bar would show the same. Where it is another unit, the bars before
        it are given in that unit, as if their vendor had restated them: the move between the two is nobody's return.
        """
        found = suspicions(ticker, bars)
        self.found += found
        if self._suspect_bars is SuspectBars.KEEP or not found:
            return bars, []
        for one in found:
            if one.rule is SuspicionRule.UNIT_CHANGE:
                logger.warning(
                    "earlier prices brought into another unit ticker=%s since=%s evidence=%s", ticker, one.date, one.evidence
                )
        held_out = [one for one in found if one.rule in _HELD_OUT[self._suspect_bars]]
        bars = in_one_unit(bars, unit_stretches(bars, total_returns(bars)))
        left = bars[~np.isin(bars.day, [day_number(one.date) for one in held_out])]
        return left, [RejectedBar(ticker, one.date.isoformat(), f"suspect, {one.rule}: {one.evidence}") for one in held_out]
