"""From records of the topic `forecasts` to the rows of a replica. Pure.

The topic is the changelog of the workers' forecast table, so the rules of `broker.claims` say which records count. Only one
thing is different from a worker's own copy: after a rebuild the rows stay until newer ones come, for whoever reads them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from broker.claims import Standing, Verdict
from errors import ForecastingError
from state.forecasts import decode_row
from state.partition_copy import Record
from state.stamp import Revision


class Row(NamedTuple):
    """The value under a key, None if it is deleted, and the revision of it."""

    value: bytes | None
    revision: Revision


class Taken(NamedTuple):
    """What records come to: the rows that change, the standing behind them, what was left out and why."""

    rows: dict[bytes, Row]
    standing: Standing
    left_out: list[tuple[int, str]]
    void: list[int]


def take(records: Iterable[Record], standing: Standing) -> Taken:
    """Take records of one partition, in their order, after a `standing`."""
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
    return Taken(rows, standing, left_out, void)


def _unusable(key: bytes, value: bytes | None) -> str | None:
    try:
        if value is not None:
            decode_row(key.decode(), value)
    except UnicodeDecodeError:
        return "its key is no ticker"
    except ForecastingError as error:
        return str(error)
    return None
