"""Several series in one file: found from dates that repeat and levels that jump, told apart by a column that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from producers.forms.counts import NOT_A_DAY
from producers.forms.vocabulary import NAME_WORDS
from records import Days, Floats, canonical_ticker, is_ticker

#: A file repeats a few dates by mistake; several series, or bars within a day, repeat most of them.
_FEW_REPEATS: Final = 0.1
#: Between two series the level jumps by more than this, and by more than so many usual moves.
_JUMP: Final = 0.1
_USUAL_MOVES: Final = 6.0


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
    found = [name for name, texts in candidates.items() if _names_series(texts, day, close, repeated=repeated)]
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
    is_word = text.strip().lower() in NAME_WORDS  # `raw` and `adjusted` are kinds of prices, not names
    return not is_word and is_ticker(canonical_ticker(text)) and any(letter.isalpha() for letter in text)


def _jumps(close: Floats, at: int) -> bool:
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.abs(np.diff(np.log(close)))
    usual = float(np.nanmedian(moves))
    return bool(moves[at - 1] > max(_JUMP, _USUAL_MOVES * usual))
