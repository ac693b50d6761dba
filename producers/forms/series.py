"""Several series in one file: found from dates that repeat and levels that jump, told apart by a column that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from producers.forms.counts import NOT_A_DAY
from producers.forms.vocabulary import NAME_WORDS, plain
from records import Days, Floats, canonical_ticker, date_of, is_ticker

#: Columns whose values tell kinds of bars apart: an exchange, a part of the day, a spacing. They name no ticker.
_OF_KINDS: Final = frozenset(
    {"exchange", "exchangecode", "exch", "mic", "venue", "board", "boardid", "series", "country", "sector", "industry",
     "session", "type", "kind", "interval", "period", "timeframe", "frequency", "freq", "per", "weekday", "month", "side",
     "signal", "status", "adjustment", "场次", "市場", "セッション", "区分"}
)  # fmt: skip
_KINDS: Final = frozenset(
    {"am", "pm", "morning", "afternoon", "evening", "night", "regular", "pre", "post", "前場", "後場", "true", "false",
     "yes", "no"}
)  # fmt: skip
#: A file repeats a few dates by mistake; several series, or bars within a day, repeat most of them.
_FEW_REPEATS: Final = 0.1
#: Between two series the level jumps by more than this, and by more than so many usual moves.
_JUMP: Final = 0.1
_USUAL_MOVES: Final = 6.0
#: Blocks of rows in a file are few. Between blocks of one series the level moves by less; by more between two units.
_MOST_BREAKS: Final = 0.05
_LEVEL: Final = float(np.log(1.25))
_UNIT: Final = float(np.log(50.0))


def share_repeated(day: Days) -> float:
    """The share of bars whose date an earlier bar has."""
    known = day[day != NOT_A_DAY]
    return 1.0 - len(np.unique(known)) / len(known) if len(known) else 0.0


def repeats(day: Days) -> bool:
    """Whether so many dates repeat that these are not the days of one series."""
    rising = bool((day[1:] > day[:-1]).all())
    return len(day) >= 4 and not rising and share_repeated(day) > _FEW_REPEATS


def naming_column(candidates: Mapping[str, Sequence[str]], day: Days, close: Floats) -> str | None:
    """The column that tells several series apart: its values can be tickers, and under each of them no date repeats.

    If no date repeats in the file at all, the level must jump wherever the column's value changes. None if no column, or more
    than one, does so.
    """
    repeated = repeats(day)
    found = [
        name
        for name, texts in candidates.items()
        if plain(name) not in _OF_KINDS and _names_series(texts, day, close, repeated=repeated)
    ]
    return found[0] if len(found) == 1 else None


def _names_series(texts: Sequence[str], day: Days, close: Floats, *, repeated: bool) -> bool:
    distinct, code = np.unique(np.array(texts, dtype=np.str_), return_inverse=True)
    if not 2 <= len(distinct) <= max(2, len(texts) // 4) or not all(_may_name(text) for text in distinct.tolist()):
        return False
    if repeated:
        pairs = np.unique(np.column_stack([code, day]), axis=0)
        return 1.0 - len(pairs) / len(day) <= _FEW_REPEATS
    changes = np.flatnonzero(np.diff(code)) + 1
    return len(changes) == len(distinct) - 1 and all(_jumps(close, at) for at in changes.tolist())


def _may_name(text: str) -> bool:
    is_word = text.strip().lower() in NAME_WORDS | _KINDS  # `raw` and `adjusted` are kinds of prices, not names
    return not is_word and is_ticker(canonical_ticker(text)) and any(letter.isalpha() for letter in text)


def _jumps(close: Floats, at: int) -> bool:
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.abs(np.diff(np.log(close)))
    usual = float(np.nanmedian(moves))
    return bool(moves[at - 1] > max(_JUMP, _USUAL_MOVES * usual))


def jump_between_blocks(day: Days, close: Floats, split: Floats | None) -> str | None:
    """The date at which the level jumps where, by date, one block of a file's rows follows another; None without such a jump.

    Arrays of shape (n,) in the order of the file: in a block dates go one way. A jump by a known split, or by another unit of
    the price, is none, nor a move as large as the days between two blocks allow.
    """
    steps = np.sign(np.diff(day))
    way = 1 if int((steps > 0).sum()) >= int((steps < 0).sum()) else -1
    breaks = steps == -way
    if not 0 < int(breaks.sum()) <= _MOST_BREAKS * len(day):
        return None
    block = np.concatenate([[0], np.cumsum(breaks)])
    order = np.argsort(day, kind="stable")
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.abs(np.diff(np.log(close[order])))
    is_seam = np.diff(block[order]) != 0
    if split is not None:
        is_seam &= ~(np.abs(np.log(np.where(split[order][1:] > 0, split[order][1:], 1.0))) > 0)
    usual = float(np.nanmedian(moves)) * np.sqrt(np.maximum(np.diff(day[order]), 1))  # over years a level may be any other
    jumps = is_seam & (moves > np.maximum(_LEVEL, _USUAL_MOVES * usual)) & (moves < _UNIT)
    return date_of(int(day[order][1:][jumps][0])).isoformat() if jumps.any() else None
