"""What prices are made of: with or without dividends and splits in them, as their moves on those days show.

A column says that a dividend was paid, not whether the prices beside it are adjusted for it: `Ticker.history()` of yfinance
writes dividends beside adjusted prices, where they would count twice. On an ex-date a raw price opens lower by the dividend, an
adjusted one does not. With the overnight moves of other days as the measure of noise, all ex-dates together give the log
likelihood ratio of the two readings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from records import PER_SHARE_COLUMNS, Days, Floats, date_of

#: Log likelihood ratio from which the moves decide by themselves: odds of 7:1.
_DECIDES: Final = 2.0
#: A single day adds at most so much: one day of news decides nothing.
_LARGEST_TERM: Final = 4.0
#: A larger part of the price is no dividend unless the price fell by it.
_LARGEST_DIVIDEND: Final = 0.5
_SMALLEST_SPLIT: Final = 0.05
#: No share splits on more of its days.
_FEW_SPLITS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Basis:
    """The values on today's basis of splits, and what was found, in sentences. `held_out`: row → why its bar is not used."""

    values: dict[str, Floats]
    notes: list[str] = field(default_factory=list)
    held_out: dict[int, str] = field(default_factory=dict)


def on_one_basis(day: Days, values: Mapping[str, Floats], *, declared: str | None, of_history: bool) -> Basis:
    """Columns of one ticker, dates rising, without an adjusted close; `dividend` and `split` may be among them.

    `declared` is `raw`, `adjusted` or None; `of_history`: the columns are those of yfinance's `history()`, whose prices are
    adjusted. Splits by which the price moved are taken out of the prices before; dividends that are in the prices already are
    left out.
    """
    basis = Basis(dict(values))
    if "split" in values:
        _use_splits(day, basis)
    if "dividend" in values:
        _use_dividends(basis, declared, of_history=of_history)
    return basis


def _use_splits(day: Days, basis: Basis) -> None:
    values = basis.values
    ratio = values["split"]
    ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)
    if (np.abs(np.log(ratio)) > _SMALLEST_SPLIT).mean() > _FEW_SPLITS:  # the product of later splits, as some vendors write it
        ratio = np.concatenate([[1.0], ratio[:-1] / ratio[1:]])
    close, opened = values["close"], values["open"]
    factor, given = np.ones(len(day)), np.ones(len(day))
    used: list[str] = []
    unused: list[str] = []
    for written in np.flatnonzero(np.abs(np.log(ratio)) > _SMALLEST_SPLIT).tolist():
        new = float(ratio[written])
        text = f"{new:g} on {date_of(day[written])}"
        found = _moved_by(opened, close, written, float(np.log(new)))
        if found is None:
            unused.append(text)
            continue
        row, is_inverse = found
        shares = 1.0 / new if is_inverse else new
        factor[:row] /= shares
        given[row] *= shares
        shown = (
            f"1:{new:g} on {date_of(day[row])} (the file has {new:g}, the price rose)"
            if is_inverse
            else f"{new:g}:1 on {date_of(day[row])}"
        )
        used.append(shown if row == written else f"{shown} (the file has it on {date_of(day[written])})")
    for name in PER_SHARE_COLUMNS:
        if name in values:
            values[name] = values[name] * factor
    values["volume"] = values["volume"] / factor
    values["split"] = given
    if used:
        basis.notes.append(f"split-adjusted here, as the prices moved by the split: {_some(used)}")
    if unused:
        basis.notes.append(f"splits not used, as the prices did not move by them (adjusted already): {_some(unused)}")
    if not used:
        del values["split"]


def _moved_by(opened: Floats, close: Floats, written: int, size: float) -> tuple[int, bool] | None:
    """The row on which the price moved by a split of log `size`, and whether by its inverse: its own day, or one beside it."""
    for row in (written, written + 1, written - 1):
        move = _move(opened, close, row) if row < len(close) else None
        for expected, is_inverse in ((-size, False), (size, True)):
            if move is not None and abs(move - expected) < abs(move) and abs(move - expected) < abs(size) / 2:
                return row, is_inverse
    return None


def _use_dividends(basis: Basis, declared: str | None, *, of_history: bool) -> None:
    values = basis.values
    paid = np.where(np.isfinite(values["dividend"]), values["dividend"], 0.0)
    rows = np.flatnonzero(paid != 0.0)
    values["dividend"] = paid
    if not len(rows):
        return
    before = np.concatenate([[np.nan], values["close"][:-1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        overnight = np.log(values["open"] / before)
        yields = paid / before
    for row in rows[yields[rows] > _LARGEST_DIVIDEND].tolist():
        if yields[row] >= 1.0 or abs(overnight[row] - np.log1p(-yields[row])) > abs(overnight[row]):
            basis.held_out[row] = (
                f"a dividend of {paid[row]:g} after a close of {before[row]:g}, and the price did not fall by it; mend the "
                f"column of dividends"
            )
    rows = np.array(
        [row for row in rows.tolist() if row not in basis.held_out and np.isfinite(overnight[row] + yields[row])], np.intp
    )
    if not len(rows):
        return
    evidence = _evidence_for_raw(overnight, yields, rows)
    reading, why = declared, "declared"
    if reading is None and abs(evidence) >= _DECIDES:
        reading, why = (
            ("raw" if evidence > 0 else "adjusted"),
            f"the moves of {len(rows)} ex-dates say so, odds {np.exp(min(abs(evidence), 20)):,.0f}:1",
        )
    elif reading is None:
        reading = "adjusted" if of_history else "raw"
        known = (
            "the columns are those of yfinance's history()"
            if of_history
            else "the moves of its days do not decide: --read-as prices=adjusted if not"
        )
        why = known
    if reading == "adjusted":
        del values["dividend"]
        basis.notes.append(f"adjusted prices: dividends are in them and not counted again ({why})")
    else:
        basis.notes.append(f"raw prices: dividends are added to the returns ({why})")


def _evidence_for_raw(overnight: Floats, yields: Floats, rows: np.ndarray) -> float:
    """Log likelihood ratio of raw over adjusted prices, by the openings of these rows."""
    usual = np.isfinite(overnight)
    usual[rows] = False
    others = overnight[usual]
    if len(others) < 10 or not len(rows):
        return 0.0
    centre = float(np.median(others))
    scale = max(1.4826 * float(np.median(np.abs(others - centre))), 1e-4)
    expected = -np.log1p(-np.minimum(yields[rows], 0.9))
    move = overnight[rows] - centre
    terms = (move**2 - (move + expected) ** 2) / (2 * scale**2)
    return float(np.clip(terms, -_LARGEST_TERM, _LARGEST_TERM).sum())


def _move(opened: Floats, close: Floats, row: int) -> float | None:
    """Log move over night, None for the first bar."""
    if row <= 0 or not (close[row - 1] > 0 and opened[row] > 0):
        return None
    return float(np.log(opened[row] / close[row - 1]))


def _some(texts: list[str]) -> str:
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")


def adjusted_close_fault(values: Mapping[str, Floats]) -> str | None:
    """Why a column is no adjusted close of these closes; None if it may be one: its factor changes on few days."""
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.abs(np.diff(np.log(values["adjusted_close"] / values["close"])))
    steps = steps[np.isfinite(steps)]
    often = float((steps > 0.02).mean()) if len(steps) >= 30 else 0.0
    return (
        f"the ratio of adjusted close to close changes on {often:.0%} of the days: they are not of one share"
        if often > 0.1
        else None
    )
