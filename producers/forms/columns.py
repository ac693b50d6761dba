"""Columns of a table as numbers, and as the distinct texts in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from producers.forms.declared import Declared
from producers.forms.numbers import Sign, cleaned, decided, decimal_sign, floats, may_be_grouped
from records import Floats

PRICES: Final = ("open", "high", "low", "close", "adjusted_close")


def numbers(parts: Mapping[str, pa.ChunkedArray], declared: Declared, where: str) -> tuple[dict[str, Floats], str | None]:
    """The columns as floats, and how their decimal sign was decided (None: they are numbers, or only decimal points occur)."""
    values = {name: cast(column) for name, column in parts.items()}
    if (
        all(column is not None for column in values.values())
        and declared.decimal is None
        and not _may_be_grouped(parts, values)
    ):
        return {name: column for name, column in values.items() if column is not None}, None
    texts = {name: [cleaned(text) for text in column.cast(pa.string()).to_pylist()] for name, column in parts.items()}
    sign = Sign(declared.decimal) if declared.decimal else None
    of_prices, of_volumes = (sign, sign) if sign else decimal_sign(
        [texts[name] for name in PRICES if name in texts], texts.get("volume", []), where=where
    )  # fmt: skip
    texts["split"] = [_ratio(text) for text in texts["split"]] if "split" in texts else []
    read = {name: floats(texts[name], of_volumes if name == "volume" else of_prices) for name in parts}
    said = (
        f"decimal {of_prices}"
        if sign or of_prices is Sign.COMMA or decided(t for n in texts for t in texts[n]) is None
        else None
    )
    return read, said


def _may_be_grouped(parts: Mapping[str, pa.ChunkedArray], values: Mapping[str, Floats | None]) -> bool:
    """Whether a few closes leave it open that a point stands between thousands, as `10.016` rupiah."""
    close = values.get("close")
    if close is None or not is_text(parts["close"]) or (np.rint(close) == close).all():
        return False
    return may_be_grouped([text or "" for text in parts["close"].slice(0, 50).to_pylist()])


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


def as_numpy(column: pa.ChunkedArray | pa.Array, missing: float) -> NDArray[Any]:
    """The column's values, `missing` where there is none.

    Made by hand because pyarrow's own `fill_null` and `to_numpy` import pandas, which costs a second and 50 MB.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    values = np.from_dlpack(pa.Array.from_buffers(array.type, len(array), [None, array.buffers()[1]], 0, array.offset))
    if not array.null_count:
        return values
    return np.where(np.from_dlpack(array.is_null().cast(pa.int8())) == 1, np.asarray(missing, values.dtype), values)
