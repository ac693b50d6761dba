"""Turns records of the topic `forecasts` into rows of a replica. Pure.

The topic is the changelog of the workers' forecast table, so the rules of `broker.claims` say which records count. In one point
a replica differs from a worker's copy: after a rebuild its rows stay until newer rows come, so that readers still have them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from broker.claims import Standing, Verdict
from errors import ForecastingError
from state.forecast_table import decode_row
from state.partition_copy import Record
from state.stamp import Revision


class Row(NamedTuple):
    """The value under a key, None if deleted, and its revision."""

    value: bytes | None
    revision: Revision


class Selected(NamedTuple):
    """The rows that records change, the standing after them, records left out with reasons, and offsets of void records."""

    rows: dict[bytes, Row]
    standing: Standing
    left_out: list[tuple[int, str]]
    void: list[int]


def select_rows(records: Iterable[Record], standing: Standing) -> Selected:
    """The rows that follow from records of one partition, in their order, after a `standing`."""
    rows: dict[bytes, Row] = {}
    left_out: list[tuple[int, str]] = []
    void: list[int] = []
    for record in records:
        if not record.key:
            left_out.append((record.offset, "it has no ticker"))
            continue
        standing, verdict = standing.after(record.offset, record.key, record.claim, deleted=record.value is None)
        if verdict is Verdict.VOID:
            void.append(record.offset)
        elif verdict is Verdict.COUNTS:
            reason = _unusable(record.key, record.value)
            if reason is None:
                rows[record.key] = Row(record.value, Revision(standing.incarnation, record.offset))
            else:
                left_out.append((record.offset, reason))
    return Selected(rows, standing, left_out, void)


def _unusable(key: bytes, value: bytes | None) -> str | None:
    try:
        if value is not None:
            decode_row(key.decode(), value)
    except UnicodeDecodeError:
        return "its key is not a ticker"
    except ForecastingError as error:
        return str(error)
    return None
