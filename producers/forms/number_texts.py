"""A column of numbers written as texts, read as a whole.

Most cells hold digits, points and commas alone: these are checked and converted by column, without a loop over cells. Other
texts (placeholders, currencies, suffixes) are cleaned and read once each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from producers.forms.arrow import as_flags, as_numpy
from producers.forms.numbers import EITHER, Sign, cleaned, number, shown_by
from records import Floats

_SIMPLE: Final = r"^[0-9][0-9.,]*$"
#: What `producers.forms.numbers.number` reads under a decimal point.
_READABLE: Final = r"^([0-9]{1,3}(,[0-9]{3})+|[0-9]{1,2}(,[0-9]{2})*,[0-9]{3}|[0-9]+)(\.[0-9]*)?$"
#: Both signs with one point behind, or several commas: they show a decimal point.
_SHOWS_POINT: Final = r"^([0-9]+,[0-9,]*\.[0-9]*|[0-9]+,[0-9]*,[0-9,]*)$"
_ONE_POINT: Final = r"^[0-9]+\.[0-9]*$"


@dataclass(frozen=True, slots=True, eq=False)
class NumberTexts:
    """`texts`: n cells. `simple` (n,): of digits, points and commas. `odd`: the other texts, cleaned; `code`: of their rows."""

    texts: pa.Array
    simple: NDArray[np.bool_]
    odd: list[str]
    code: NDArray[np.int32]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> NumberTexts:
        """The texts of a column; a missing cell is an odd text, ''."""
        texts = column.cast(pa.string()).combine_chunks()
        simple = _matches(texts, _SIMPLE)
        if simple.all():
            return cls(texts, simple, [], np.empty(0, np.int32))
        codes = pc.dictionary_encode(texts.filter(as_flags(~simple)), null_encoding="encode")
        return cls(texts, simple, [cleaned(text) for text in codes.dictionary.to_pylist()], as_numpy(codes.indices, 0))

    def shown(self) -> dict[Sign, str]:
        """The decimal signs that values show, each with a value that shows it."""
        found: dict[Sign, str] = {}
        either = _matches(self.texts, f"^{EITHER}$")
        for sign in Sign:
            texts = self._with_points(sign)
            shows = (_matches(texts, _ONE_POINT) & ~either) | _matches(texts, _SHOWS_POINT)
            example = self._first(shows & self.simple) or next((text for text in self.odd if shown_by(text) is sign), None)
            if example is not None:
                found[sign] = example
        return found

    def holds(self, mark: str) -> str | None:
        """A value that holds this mark; None without any."""
        return self._first(_is_true(pc.match_substring(self.texts, mark)) & self.simple) or next(
            (text for text in self.odd if mark in text), None
        )

    def first_simple(self) -> str | None:
        """The first text of digits, points and commas; None without any."""
        return self._first(self.simple)

    def are_thousands(self) -> bool:
        """Whether the values look like thousands with points: `451.998`, and none from 1000 on without a point."""
        pointed = _matches(self.texts, r"\.")
        few = _matches(self.texts, r"^[0-9]{0,3}$")
        odd = all(len(text) <= 3 for text in self.odd)
        return bool(pointed.any()) and odd and bool((_matches(self.texts, f"^{EITHER}$") | few | ~self.simple).all())

    def has_plain_thousands(self) -> bool:
        """Whether a whole number from 1000 on is written without a sign between its thousands: all numbers are then."""
        return bool(_matches(self.texts, r"^[0-9]{4,}$").any())

    def has_whole(self) -> bool:
        """Whether a number is written without a point or comma."""
        return bool(_matches(self.texts, r"^[0-9]+$").any())

    def thirty_seconds(self) -> str | None:
        """A value if all may be in parts of 32, as `110'165`."""
        shape = bool(_matches(self.texts, r"^[0-9]{2,3}['’]([0-2][0-9]|3[01])[0257]$").all())
        return self._first(~self.simple) if shape and len(self.texts) else None

    def floats(self, sign: Sign, odd: Sequence[str] | None = None) -> Floats:
        """The numbers under a decimal sign, NaN for other texts, shape (n,). `odd`: texts in place of the odd texts."""
        texts = self._with_points(sign)
        kept = pc.if_else(as_flags(_matches(texts, _READABLE) & self.simple), texts, pa.nulls(len(texts), pa.string()))
        values: Floats = np.array(as_numpy(pc.replace_substring(kept, ",", "").cast(pa.float64()), np.nan))
        if len(self.code):
            values[~self.simple] = np.array([number(t, sign) for t in odd or self.odd], np.float64)[self.code]
        return values

    def _with_points(self, sign: Sign) -> pa.Array:
        """The texts with decimal points if `sign` is their decimal sign."""
        if sign is Sign.POINT:
            return self.texts
        turned = pc.replace_substring(pc.replace_substring(self.texts, ".", "\t"), ",", ".")
        return pc.replace_substring(turned, "\t", ",")

    def _first(self, rows: NDArray[np.bool_]) -> str | None:
        text: str | None = self.texts[int(np.argmax(rows))].as_py() if rows.any() else None
        return text


def _matches(texts: pa.Array, pattern: str) -> NDArray[np.bool_]:
    return _is_true(pc.match_substring_regex(texts, pattern))


def _is_true(flags: pa.Array) -> NDArray[np.bool_]:
    values: NDArray[np.bool_] = as_numpy(flags.cast(pa.int8()), 0) == 1
    return values
