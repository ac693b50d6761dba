"""`python -m marketdata.closes XNYS,XLON 2026-01-01 2026-12-31`: sessions and their closes as JSON, by calendar.

For processes that must not carry pandas and the calendars' library all day: a worker asks once a day. A calendar that the
library cannot build is left out with a warning.
"""

from __future__ import annotations

import datetime as dt
import logging
import sys

import msgspec

from marketdata.calendars import session_closes

logger = logging.getLogger(__name__)


def closes_json(names: str, first: str, last: str) -> bytes:
    """The sessions from `first` to `last` (YYYY-MM-DD) of each calendar (comma-separated) as [[date, close], …]."""
    found: dict[str, list[tuple[dt.date, dt.datetime]]] = {}
    for name in filter(None, names.split(",")):
        try:
            found[name] = session_closes(name, dt.date.fromisoformat(first), dt.date.fromisoformat(last))
        except (ValueError, KeyError) as error:
            logger.warning("calendar left out calendar=%s reason=%r", name, str(error)[:200])
    return msgspec.json.encode(found)


def decode_closes(payload: bytes) -> dict[str, list[tuple[dt.date, dt.datetime]]]:
    """What `closes_json` gave."""
    return msgspec.json.decode(payload, type=dict[str, list[tuple[dt.date, dt.datetime]]])


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    sys.stdout.buffer.write(closes_json(*sys.argv[1:4]))
