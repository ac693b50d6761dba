"""Rules that find suspect bars: bars that are possible but unlikely. Each rule gives its evidence.

The rules look at a ticker's bars by date, with prices adjusted for the known splits. Returns are total log returns, r = ln((C +
D) / C₋₁); "usual" is the median over the bars before.

- `hundredfold`: the close, with its dividend, is 80 to 125 times the last normal close, or 1/80 to 1/125 of it. This is each of
  up to LASTING_BARS bars until the price goes back, or until the last bar; and each bar of a beginning of up to LASTING_BARS
  bars to which the price does not go back.
- `power_of_ten`: the same for other powers of ten, from a thousand on; and for ten, if the price goes back.
  So is a bar whose high alone, or low alone, is off by ten or a higher power of ten: beyond its open and its close.
- `unit_change`: the first of more than LASTING_BARS such bars. Here the bars before it are in another unit (`records.units`).
- `spike`: a move beyond SPIKE and beyond eight times the usual move, of which the next bar takes back three quarters or more.
  Only the next bar shows it, so it is found with that bar.
- `missing_split`: no split is given, but the open is within 4 % of a simple ratio (2:1, 3:2, …) to the previous close, and
  the close stays near it. If the next bar takes the move back, it is a spike, whatever its ratio.
- `unconfirmed_jump`: a move beyond JUMP with at most twice the usual volume: news of that size brings volume.
- `zero_volume`: no volume, although the ticker usually has some.

The other rules look at the remaining bars, all in the same unit. The bar after a `spike` is not suspect for the way back.

SPIKE, the factor eight and JUMP are chosen so that ordinary bars of large companies are hardly ever suspect: docs/suspects.md
has the figures, and a test checks them on real bars.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from enum import StrEnum
from fractions import Fraction
from typing import Final

import msgspec
import numpy as np

from records.bars import Bars, Floats, date_of
from records.median import median
from records.ratios import simple_ratio
from records.units import LASTING_BARS, OWN_MOVE, TEN, Stretch, in_one_unit, total_returns, unit_stretches

SPIKE: Final = float(np.log(1.15))
JUMP: Final = float(np.log(1.25))
#: In units of the usual absolute return, scaled to a standard deviation.
_SPIKE_DEVIATIONS: Final = 8.0
_MEDIAN_TO_DEVIATION: Final = 1.4826
_TAKEN_BACK: Final = 0.75
_CONFIRMING_VOLUME: Final = 2.0
#: Smaller ratios than 4:3 look like a bad day.
_SMALLEST_SPLIT: Final = float(np.log(1.3))
_SPLIT_TOLERANCE: Final = 0.04
_LARGEST_SPLIT: Final = 50
_RETURN_BARS: Final = 63
_VOLUME_BARS: Final = 21
#: How many bars before a bar the rules use, bars in a wrong unit included.
CONTEXT_BARS: Final = _RETURN_BARS + 3 * LASTING_BARS


class SuspicionRule(StrEnum):
    """Why a bar is suspect."""

    HUNDREDFOLD = "hundredfold"
    POWER_OF_TEN = "power_of_ten"
    UNIT_CHANGE = "unit_change"
    SPIKE = "spike"
    MISSING_SPLIT = "missing_split"
    UNCONFIRMED_JUMP = "unconfirmed_jump"
    ZERO_VOLUME = "zero_volume"


#: No share moves like this in a day.
IMPOSSIBLE: Final = frozenset({SuspicionRule.HUNDREDFOLD, SuspicionRule.POWER_OF_TEN})
#: Rules about the bar itself. The other rules are about the level from that bar on, so the next bar would show the same.
OF_THE_BAR_ITSELF: Final = frozenset(
    {SuspicionRule.HUNDREDFOLD, SuspicionRule.POWER_OF_TEN, SuspicionRule.SPIKE, SuspicionRule.ZERO_VOLUME}
)


class Suspicion(msgspec.Struct, frozen=True):
    """A possible but unlikely bar: the first rule that applies, in the order of `SuspicionRule`, and its evidence."""

    ticker: str
    date: dt.date
    rule: SuspicionRule
    evidence: str


def suspicions(ticker: str, bars: Bars) -> list[Suspicion]:
    """The suspect bars of a ticker by date, with one entry each.

    The entry of a bar depends on the bars before it and the next bar. For a move by a power of ten it depends on the next
    LASTING_BARS bars; for the first LASTING_BARS bars, on the bars after the first such move.
    """
    if len(bars) < 2:
        return []
    returns = total_returns(bars)
    stretches = unit_stretches(bars, returns)
    extremes = dict(_extremes(bars))
    if not stretches and not extremes:
        return _suspicions(ticker, bars, returns)
    of_bars = extremes | {row: reason for stretch in stretches for row, reason in _of_stretch(bars, stretch)}
    found = [Suspicion(ticker, date_of(bars.day[row]), *reason) for row, reason in of_bars.items()]
    left = in_one_unit(bars, stretches)
    dates = {suspicion.date for suspicion in found}
    further = _suspicions(ticker, left, total_returns(left))
    found += [suspicion for suspicion in further if suspicion.date not in dates]
    return sorted(found, key=lambda suspicion: suspicion.date)


def _extremes(bars: Bars) -> Iterator[tuple[int, tuple[SuspicionRule, str]]]:
    """Bars with a high or a low alone in another unit: beyond open and close by a power of ten, up to the day's own move."""
    beyond = {
        "high": np.log(bars.high / np.maximum(bars.open, bars.close)),
        "low": np.log(np.minimum(bars.open, bars.close) / bars.low),
    }
    for name, size in beyond.items():
        for row in np.flatnonzero(size > TEN - OWN_MOVE).tolist():
            if abs(float(size[row]) - TEN * round(float(size[row]) / TEN)) <= OWN_MOVE:
                evidence = f"{name} {getattr(bars, name)[row]:g} beside a close of {bars.close[row]:g}"
                yield row, (SuspicionRule.POWER_OF_TEN, evidence)


def _of_stretch(bars: Bars, stretch: Stretch) -> Iterator[tuple[int, tuple[SuspicionRule, str]]]:
    beside = f"{'after' if stretch.beside < stretch.first else 'before'} {bars.close[stretch.beside]:g}"
    if stretch.lasting:
        evidence = f"close {bars.close[stretch.first]:g} {beside}, and {LASTING_BARS} bars later it has not gone back"
        yield stretch.first, (SuspicionRule.UNIT_CHANGE, evidence)
        return
    for row in range(stretch.first, stretch.stop):
        dividend = f" with a dividend of {bars.dividend[row]:g}" if bars.dividend[row] else ""
        rule = SuspicionRule.HUNDREDFOLD if stretch.factor in (100.0, 0.01) else SuspicionRule.POWER_OF_TEN
        yield row, (rule, f"close {bars.close[row]:g}{dividend} {beside}")


def _suspicions(ticker: str, bars: Bars, returns: Floats) -> list[Suspicion]:
    """The suspect bars of a history in one unit."""
    rows = np.flatnonzero((np.abs(returns) > SPIKE) | (bars.volume == 0.0))
    found: list[Suspicion] = []
    doubted = -1
    for row in rows.tolist():
        first = next(_reasons(bars, returns, row), None)
        if first is not None and not (doubted == row - 1 and _goes_back(returns, row)):
            found.append(Suspicion(ticker, date_of(bars.day[row]), *first))
            doubted = row if first[0] is SuspicionRule.SPIKE else doubted
    return found


def _reasons(bars: Bars, returns: Floats, row: int) -> Iterator[tuple[SuspicionRule, str]]:
    move = float(returns[row])
    beyond = max(SPIKE, _SPIKE_DEVIATIONS * _usual_move(returns, row))
    if abs(move) > beyond and row + 1 < len(bars) and _goes_back(returns, row + 1):
        yield SuspicionRule.SPIKE, f"{np.expm1(move):+.1%}, and {np.expm1(returns[row + 1]):+.1%} the next day"
    ratio = _missing_split(bars, row) if row else None
    if ratio is not None:
        yield (
            SuspicionRule.MISSING_SPLIT,
            f"opened at {bars.open[row]:g} after a close of {bars.close[row - 1]:g}, as after a split {_shown(ratio)}",
        )
    volume = _usual_volume(bars, row)
    if abs(move) > JUMP and volume and bars.volume[row] <= _CONFIRMING_VOLUME * volume:
        yield (
            SuspicionRule.UNCONFIRMED_JUMP,
            f"{np.expm1(move):+.1%} with a volume of {bars.volume[row]:,.0f}, usual are {volume:,.0f}",
        )
    if bars.volume[row] == 0.0 and volume:
        yield SuspicionRule.ZERO_VOLUME, f"no volume, usual are {volume:,.0f}"


def _goes_back(returns: Floats, row: int) -> bool:
    """Whether the bar takes back most of the previous bar's move."""
    share = -float(returns[row]) / float(returns[row - 1])
    return _TAKEN_BACK <= share <= 2 - _TAKEN_BACK


def _missing_split(bars: Bars, row: int) -> Fraction | None:
    """The split, in new shares per old share, that the opening price suggests, or None."""
    opened = float(np.log((bars.open[row] + bars.dividend[row]) / bars.close[row - 1]))
    if bars.split[row] != 1.0 or abs(opened) < _SMALLEST_SPLIT:
        return None
    size = float(np.exp(abs(opened)))
    # A split with a denominator above 2 (7:3) is rarer than a bad day that looks like it.
    simple = simple_ratio(size, largest_denominator=2, tolerance=_SPLIT_TOLERANCE)
    if simple is None or simple > _LARGEST_SPLIT:
        return None
    if abs(float(np.log(bars.close[row] / bars.open[row]))) > 2 * _SPLIT_TOLERANCE:
        return None
    return simple if opened < 0 else 1 / simple


def _usual_move(returns: Floats, row: int) -> float:
    before = np.abs(returns[max(1, row - _RETURN_BARS) : row])
    return float(median(before)) * _MEDIAN_TO_DEVIATION if len(before) else 0.0


def _usual_volume(bars: Bars, row: int) -> float | None:
    before = bars.volume[max(0, row - _VOLUME_BARS) : row]
    return float(median(before)) if len(before) else None


def _shown(ratio: Fraction) -> str:
    return f"{ratio.numerator}:{ratio.denominator}"
