"""Columns of a table as numbers, and as the distinct texts in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from errors import SourceError
from producers.forms.arrow import as_numpy
from producers.forms.declared import Declared
from producers.forms.number_texts import NumberTexts
from producers.forms.numbers import Sign
from producers.forms.signs import decided, decimal_sign, may_be_grouped
from records import Days, Floats, day_number

_ISO: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00:00(\.0+)?)?$"
_EARLIEST, _LATEST = day_number(dt.date(1600, 1, 1)), day_number(dt.date(2400, 1, 1))
PRICES: Final = ("open", "high", "low", "close", "adjusted_close")


def numbers(parts: Mapping[str, pa.ChunkedArray], declared: Declared, where: str) -> tuple[dict[str, Floats], str | None]:
    """The columns as floats, and how their decimal sign was decided (None: they are numbers, or only decimal points occur)."""
    values = {name: cast(column) for name, column in parts.items()}
    if all(column is not None for column in values.values()) and declared.decimal is None and not _may_be_grouped(parts):
        return {name: column for name, column in values.items() if column is not None}, None
    # A column of numbers is what it is: the sign of the others says nothing of it.
    typed = {name: column for name, column in values.items() if column is not None and not is_text(parts[name])}
    texts = {name: NumberTexts.of(column) for name, column in parts.items() if name not in typed}
    sign = Sign(declared.decimal) if declared.decimal else None
    prices = [texts[name] for name in PRICES if name in texts]
    parted = None if sign or "close" not in texts else texts["close"].thirty_seconds()
    if parted is not None:
        raise SourceError(
            f"{where}: {parted!r} may be in parts of 32, as bonds are quoted, or thousands; write decimals, or say thousands: "
            f"--read-as decimal=point"
        )
    of_prices, of_volumes = (sign, sign) if sign else decimal_sign(prices, texts.get("volume"), where=where)
    ratios = [_ratio(text) for text in texts["split"].odd] if "split" in texts else None
    read = {
        name: column.floats(of_volumes if name == "volume" else of_prices, ratios if name == "split" else None)
        for name, column in texts.items()
    }
    _check_volumes(texts.get("volume"), read.get("volume"), where)
    is_said = sign or of_prices is Sign.COMMA or decided(list(texts.values())) is None
    return {**typed, **read}, f"decimal {of_prices}" if is_said else None


def _check_volumes(texts: NumberTexts | None, volumes: Floats | None, where: str) -> None:
    """SourceError if no text of the column is a number: the volumes would be lost, as if the file had none."""
    if texts is None or volumes is None or np.isfinite(volumes).any():
        return
    example = next((text for text in texts.odd if text), None) or texts.first_simple()
    if example is not None:
        raise SourceError(
            f"{where}: the volumes, as {example!r}, are no numbers that are known; write plain numbers, or leave the column out"
        )


def _may_be_grouped(parts: Mapping[str, pa.ChunkedArray]) -> bool:
    """Whether texts with a point leave it open that it stands between thousands, as `10.016` rupiah.

    The prices say so for the volumes as well; where no price is a text with a point, the volumes do.
    """
    prices = [text for name in PRICES if name in parts for text in _pointed(parts[name])]
    pointed = prices or (_pointed(parts["volume"]) if "volume" in parts else [])
    return bool(pointed) and may_be_grouped(pointed)


def _pointed(column: pa.ChunkedArray) -> list[str]:
    """The first texts of a column that hold a point; none of a column of numbers."""
    if not is_text(column):
        return []
    texts = column.cast(pa.string())
    found: list[str] = texts.filter(pc.match_substring(texts, ".")).slice(0, 50).to_pylist()
    return found


def _ratio(text: str) -> str:
    """`7:1`, `7/1` and `7-for-1` as 7."""
    for sign in (":", "/", "-for-", " for "):
        new, mark, old = text.partition(sign)
        if mark and new.strip().replace(".", "").isdigit() and old.strip().replace(".", "").isdigit() and float(old) > 0:
            return f"{float(new) / float(old):.12g}"
    return text


def cast(column: pa.ChunkedArray) -> Floats | None:
    """A column of numbers, or of texts that are all plain numbers, as floats; None for other texts."""
    if is_text(column):
        try:
            column = column.cast(pa.string()).cast(pa.float64())
        except pa.ArrowInvalid:
            return None
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    return as_numpy(column, np.nan)


def is_text(column: pa.ChunkedArray) -> bool:
    """Whether a column holds texts."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def encoded(column: pa.ChunkedArray) -> tuple[list[str | None], NDArray[np.int32]]:
    """The distinct values as texts, and each row's."""
    codes = pc.dictionary_encode(column.cast(pa.string()), null_encoding="encode").unify_dictionaries().combine_chunks()
    return codes.dictionary.to_pylist(), as_numpy(codes.indices, 0)


def iso_days(column: pa.ChunkedArray) -> Days | None:
    """The day numbers of a column in which every text is a date as `2024-01-31`, perhaps with midnight behind; else None."""
    if not is_text(column) or column.null_count:
        return None
    column = column.cast(pa.string())
    try:
        return _of_our_years(as_numpy(column.cast(pa.date32()).cast(pa.int32()), 0))
    except pa.ArrowInvalid:  # not ten characters each, or no dates
        pass
    codes = pc.dictionary_encode(column).unify_dictionaries().combine_chunks()
    texts = codes.dictionary
    if not pc.all(pc.match_substring_regex(texts, _ISO)).as_py():
        return None
    try:
        days = pc.utf8_slice_codeunits(texts, 0, 10).cast(pa.date32())
    except pa.ArrowInvalid:  # as the thirtieth of February
        return None
    distinct = _of_our_years(as_numpy(days.cast(pa.int32()), 0))
    return None if distinct is None else distinct[as_numpy(codes.indices, 0)]


def _of_our_years(days: Days) -> Days | None:
    """The days; None if some are of another calendar's years, or a mistake."""
    return None if len(days) and (days.min() < _EARLIEST or days.max() > _LATEST) else days
