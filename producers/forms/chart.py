"""Yahoo's chart answer as columns: moments beside lists of prices, with the exchange's zone."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from functools import lru_cache
from typing import Any


def chart_columns(value: Mapping[str, Any]) -> tuple[str | None, dict[str, list[Any]]] | None:
    """The symbol and the columns of one result, dates first; None for another value.

    Dates are those of the exchange's clock. The quotes are adjusted for splits, and the adjusted close for dividends too.
    Without an adjusted close the dividends stand in their own column.
    """
    moments, indicators = value.get("timestamp"), value.get("indicators")
    if not isinstance(moments, list) or not isinstance(indicators, dict):
        return None
    quotes = indicators.get("quote")
    if not isinstance(quotes, list) or len(quotes) != 1 or not isinstance(quotes[0], dict):
        return None
    meta = value.get("meta")
    about = meta if isinstance(meta, dict) else {}
    columns: dict[str, list[Any]] = {"date": [_local(moment, about) for moment in moments], **quotes[0]}
    adjusted = indicators.get("adjclose")
    if isinstance(adjusted, list) and adjusted and isinstance(adjusted[0], dict):
        columns |= adjusted[0]
    elif (paid := _dividends(value, about)) and all(isinstance(date, str) for date in columns["date"]):
        columns["dividends"] = [paid.get(date[:10], 0.0) for date in columns["date"]]
    if any(not isinstance(column, list) or len(column) != len(moments) for column in columns.values()):
        return None
    symbol = about.get("symbol")
    return symbol if isinstance(symbol, str) else None, columns


def _local(moment: Any, about: Mapping[str, Any]) -> Any:
    """The moment on the exchange's clock, as `2024-01-02 09:30:00-05:00`; as it stands if the zone is not known."""
    zone = _zone(str(about.get("exchangeTimezoneName")))  # `gmtoffset` is today's: in summer midnights were the day before
    return str(dt.datetime.fromtimestamp(moment, zone)) if isinstance(moment, int) and zone is not None else moment


@lru_cache(maxsize=64)
def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    return zoneinfo.ZoneInfo(name) if name in zoneinfo.available_timezones() else None


def _dividends(value: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, float]:
    """Dividends by their days, as `2024-01-02`."""
    events = value.get("events")
    paid = events.get("dividends") if isinstance(events, dict) else None
    found: dict[str, float] = {}
    for each in paid.values() if isinstance(paid, dict) else ():
        day = _local(each.get("date"), about) if isinstance(each, dict) else None
        if isinstance(day, str) and isinstance(each.get("amount"), int | float):
            found[day[:10]] = found.get(day[:10], 0.0) + float(each["amount"])
    return found
