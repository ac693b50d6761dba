"""One ticker's rows of a file as its daily bars: days of sessions, no second series, prices on one basis."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from errors import SourceError
from producers.findings import Findings
from producers.forms.basis import adjusted_close_fault, on_one_basis
from producers.forms.clock import Clock, days_of_sessions
from producers.forms.counts import NOT_A_DAY
from producers.forms.declared import Declared
from producers.forms.exchanged import exchange_fault, weekend_rows
from producers.forms.price_range import range_fault
from producers.forms.series import jump_between_blocks, repeats
from producers.forms.summaries import summary_fault
from producers.raw import RawBars
from records import PRICE_COLUMNS, Days, Floats, RejectedBar, alternates, date_of

_MINUTE: Final = 60
_DAY: Final = 86_400
#: Monday is 0. Weekends are Saturday and Sunday, in the Middle East Friday and Saturday.
_AT_WEEKENDS: Final = (4, 5, 6)
#: So many bars of a weekday that repeat the bar before are no chance.
_FEWEST_PADDED: Final = 2
#: Of a weekday that was filled up nearly all bars repeat the bar before; an exchange has a few sessions at weekends a year.
_MOST_COPIES: Final = 0.8
#: Of prices filled in on a line a bar differs from the mean of its neighbours by rounding alone.
_STRAIGHT: Final = 1e-3
#: Where many bars of other days repeat the bar before as well, weekends are no exception.
_FEW_COPIES: Final = 0.2


def daily_bars(
    raw: RawBars, clock: Clock | None, declared: Declared, findings: Findings, *, where: str, of_history: bool
) -> tuple[RawBars, list[RejectedBar]]:
    """The bars on the days of their sessions, by date, and those of them that are held out.

    `of_history`: the file's columns are those of yfinance's `history()`. Raises SourceError for bars within the day, several
    series under one name, and dates or an adjusted close that cannot be right.
    """
    fault = exchange_fault(raw.day) if declared.days is None else None
    if fault is not None:
        raise SourceError(f"{where}: {fault}; export all dates as 2024-01-31, or, if they are right: --read-as days=written")
    day, moved = days_of_sessions(raw.ticker, raw.day, clock, declared=declared.days)
    if moved is not None:
        findings.add_note(raw.ticker, moved)
    second = np.zeros(len(day), np.int32) if clock is None else np.maximum(clock.second, 0)
    raw = replace(raw, day=day)
    raw, second = _without_copies(raw, second, findings)
    if repeats(raw.day):
        raise SourceError(_why_repeated(raw.day, second, where))
    if (raw.day[1:] < raw.day[:-1]).any():
        if not (raw.day[1:] <= raw.day[:-1]).all():
            _check_blocks(raw, where)
        raw = raw.part(np.argsort(raw.day, kind="stable"))
    raw = _without_padding(_with_volume(raw, findings), findings)
    _check_columns(raw, where)
    if "adjusted_close" in raw.values:
        if not (raw.values["adjusted_close"] > 0).any():
            findings.add_note(raw.ticker, "the column of the adjusted close is empty: prices are taken as they stand")
        elif declared.prices is None:
            return _by_adjusted_close(raw, findings, where), []
        raw = replace(raw, values={name: column for name, column in raw.values.items() if name != "adjusted_close"})
    return _on_one_basis(raw, declared, findings, of_history=of_history)


def _check_columns(raw: RawBars, where: str) -> None:
    """SourceError if bars by date cannot be one series of daily bars, or if their columns are not what their names say."""
    fault = summary_fault(raw.day, raw.values)
    if fault is not None:
        raise SourceError(f"{where}: {fault}")
    fault = range_fault(raw.values)
    if fault is not None:
        raise SourceError(f"{where}: {fault}; name the right columns, as --read-as open=NAME")
    close = raw.values["close"]
    good = np.isfinite(close) & (close > 0) & (raw.day != NOT_A_DAY)
    if alternates(close[good]):
        raise SourceError(
            f"{where}: the level jumps to and fro: several series under one name; name the column that tells them apart: "
            f"--read-as ticker=NAME"
        )


def _check_blocks(raw: RawBars, where: str) -> None:
    """SourceError if rows of another series stand below those of the first."""
    level = raw.values.get("adjusted_close", raw.values["close"])
    since = jump_between_blocks(raw.day, level, raw.values.get("split"))
    if since is not None:
        raise SourceError(
            f"{where}: the level jumps on {since}, where another block of rows begins: two series under one name; name the "
            f"column that tells them apart: --read-as ticker=NAME"
        )


def _by_adjusted_close(raw: RawBars, findings: Findings, where: str) -> RawBars:
    """Dividends and splits are left out: the adjusted close has both in it."""
    fault = adjusted_close_fault(raw.values)
    if fault is not None:
        raise SourceError(f"{where}: {fault}; say --read-as prices=raw to leave the adjusted close out")
    findings.add_note(raw.ticker, "prices adjusted by the column of the adjusted close")
    return replace(raw, values={name: column for name, column in raw.values.items() if name not in ("dividend", "split")})


def _on_one_basis(
    raw: RawBars, declared: Declared, findings: Findings, *, of_history: bool
) -> tuple[RawBars, list[RejectedBar]]:
    if not {"dividend", "split"} & raw.values.keys():
        return raw, []
    basis = on_one_basis(raw.day, raw.values, declared=declared.prices, of_history=of_history)
    for note in basis.notes:
        findings.add_note(raw.ticker, note)
    rejected = [RejectedBar(raw.ticker, date_of(raw.day[row]).isoformat(), reason) for row, reason in basis.held_out.items()]
    kept = np.setdiff1d(np.arange(len(raw.day)), list(basis.held_out))
    return replace(raw, values=basis.values).part(kept), rejected


def _with_volume(raw: RawBars, findings: Findings) -> RawBars:
    """With a volume of 0 where the file has no volumes: indices and currency pairs have none."""
    volume = raw.values.get("volume")
    if volume is not None and np.isfinite(volume).any():
        return raw
    findings.add_note(raw.ticker, "no volume in the file: taken as 0, and nothing rests on it")
    return replace(raw, values={**raw.values, "volume": np.zeros(len(raw.day))})


def _without_padding(raw: RawBars, findings: Findings) -> RawBars:
    """Without weekends that only repeat the bar before, or lie on a line to the next: tables filled up to every day have them.

    A session at a weekend moves the price, or has a volume, and stays.
    """
    if not len(weekend_rows(raw.day)):
        return raw
    weekday = (raw.day[1:].astype(np.int64) + 3) % 7
    bars = np.bincount(weekday, minlength=7)
    if not bars[list(_AT_WEEKENDS[1:])].any():
        return raw
    prices = np.stack([raw.values[name] for name in PRICE_COLUMNS])
    volume, close = raw.values["volume"], raw.values["close"]
    is_copy = (prices[:, 1:] == prices[:, :-1]).all(axis=0) & ((volume[1:] == volume[:-1]) | ~(volume[1:] > 0))
    is_flat = (prices[:, 1:] == close[:-1]).all(axis=0) & ~(volume[1:] > 0)
    is_line = _on_a_line(prices)
    # Sunday's bar is compared with Saturday's, which is a copy itself.
    repeats_before = is_copy | is_flat | is_line
    copies = np.bincount(weekday[repeats_before], minlength=7)
    padded = [at for at in _AT_WEEKENDS if copies[at] >= max(_FEWEST_PADDED, _MOST_COPIES * bars[at])]
    is_padded = np.isin(weekday, padded)
    left_out = is_padded & repeats_before
    others = repeats_before[~is_padded]
    if copies[padded].sum() < 2 * _FEWEST_PADDED or others.sum() > _FEW_COPIES * len(others):
        return raw
    kept = int((is_padded & ~repeats_before).sum())
    how = "lie on a line between their neighbours" if is_line[left_out].mean() > 0.5 else "repeat the bar before"
    text = f"{int(left_out.sum()):,} bars at weekends {how}: left out"
    findings.add_note(raw.ticker, f"{text}; {kept:,} there do not, and are kept" if kept else text)
    return raw.part(np.flatnonzero(np.concatenate([[True], ~left_out])))


def _on_a_line(prices: Floats) -> NDArray[np.bool_]:
    """Whether each bar but the first is the mean of its neighbours, shape (n - 1,), of prices (4, n)."""
    found = np.zeros(prices.shape[1] - 1, np.bool_)
    rows = np.arange(1, prices.shape[1] - 1)
    for column in prices[::-1]:  # of hardly any bar after the first column
        bend = np.abs(column[rows + 1] - 2 * column[rows] + column[rows - 1])
        rows = rows[bend <= _STRAIGHT * column[rows]]
    found[rows - 1] = True
    return found


def _without_copies(raw: RawBars, second: NDArray[np.int32], findings: Findings) -> tuple[RawBars, NDArray[np.int32]]:
    """Each row once: files are written one behind the other, with the same bars."""
    if not repeats(raw.day):
        return raw, second  # a few equal bars are for the border
    table = np.column_stack([raw.day, second, *raw.values.values()])
    _, first = np.unique(np.nan_to_num(table, nan=-1.0), axis=0, return_index=True)
    kept = np.sort(first)
    if len(kept) < len(table):
        findings.add_note(raw.ticker, f"{len(table) - len(kept):,} rows that stand twice, equal in every value, are taken once")
    return raw.part(kept), second[kept]


def _why_repeated(day: Days, second: NDArray[np.int32], where: str) -> str:
    known = day != NOT_A_DAY
    moments = np.unique(day[known].astype(np.int64) * _DAY + second[known])
    most = int(np.bincount(day[known] - day[known].min()).max())
    if len(moments) > 0.9 * int(known.sum()):
        gaps = np.diff(moments)
        minutes = float(np.median(gaps[gaps < _DAY])) / _MINUTE if (gaps < _DAY).any() else 0.0
        return (
            f"{where}: intraday bars, {minutes:g} minutes apart, up to {most:,} a day: daily bars are needed (of each day the "
            f"first open, highest, lowest, last close and sum of volumes)"
        )
    return (
        f"{where}: most dates stand several times, up to {most:,}: several series in one file, or intraday bars "
        f"without their times; no column plainly names the series: say --read-as ticker=NAME"
    )
