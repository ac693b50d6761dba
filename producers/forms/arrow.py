"""Arrow's arrays as NumPy's and back. By hand: pyarrow's own `to_numpy`, `fill_null` and scalars import pandas, 50 MB."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def as_numpy(column: pa.ChunkedArray | pa.Array, missing: float) -> NDArray[Any]:
    """The column's values, `missing` where there is none."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    values = np.from_dlpack(pa.Array.from_buffers(array.type, len(array), [None, array.buffers()[1]], 0, array.offset))
    if not array.null_count:
        return values
    return np.where(np.from_dlpack(array.is_null().cast(pa.int8())) == 1, np.asarray(missing, values.dtype), values)


def as_flags(rows: NDArray[np.bool_]) -> pa.Array:
    """Rows as a column of booleans."""
    return pa.Array.from_buffers(pa.bool_(), len(rows), [None, pa.py_buffer(np.packbits(rows, bitorder="little"))])
