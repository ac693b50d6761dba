"""Compares what readers see after a storm with the expected state, ticker by ticker and byte by byte."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from errors import StateMissingError
from history.ticker_state import TickerState
from state.readers import ForecastReader, HistoryReader
from tests.kafka.storm.market import Delivery

#: How many tickers and days are printed of each kind of difference.
_MOST: Final = 5
_COLUMNS: Final = ("open", "high", "low", "close", "volume", "dividend", "split")


@dataclass(slots=True)
class Snapshot:
    """Every history and every row (as JSON) of a state folder, as readers see them."""

    histories: dict[str, TickerState] = field(default_factory=dict)
    rows: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, state_dir: Path) -> Snapshot:
        """Read with new readers; a folder without a state is empty."""
        made = cls()
        try:
            with ForecastReader(state_dir) as forecasts:
                made.rows = {row.ticker: msgspec.json.encode(row) for row in forecasts.all()}
            with HistoryReader(state_dir) as reader:
                states = {ticker: reader.state(ticker) for ticker in reader.tickers()}
            made.histories = {ticker: state for ticker, state in states.items() if state is not None}
        except StateMissingError:
            pass
        return made


def differences(expected: Snapshot, found: Snapshot) -> list[str]:
    """The differences, a line each; none if everything is equal to the byte."""
    lines = row_differences(expected.rows, found.rows)
    lines += _absent("history", expected.histories, found.histories)
    for ticker in sorted(expected.histories.keys() & found.histories.keys()):
        lines += _of_history(ticker, expected.histories[ticker], found.histories[ticker])
    return lines


def row_differences(expected: Mapping[str, bytes], found: Mapping[str, bytes]) -> list[str]:
    """Missing rows, extra rows, and rows that differ in a byte."""
    lines = _absent("forecast row", expected, found)
    for ticker in sorted(expected.keys() & found.keys()):
        if expected[ticker] != found[ticker]:
            there, here = json.loads(expected[ticker]), json.loads(found[ticker])
            names = [name for name in there if there[name] != here.get(name)]
            shown = "; ".join(f"{name} is {_short(here.get(name))}, not {_short(there[name])}" for name in names[:3])
            lines.append(f"{ticker}: the forecast row differs in {', '.join(names) or 'its bytes'}: {shown}")
    return lines


def _absent(what: str, expected: Iterable[str], found: Iterable[str]) -> list[str]:
    there, here = set(expected), set(found)
    lines = [f"{ticker}: no {what}" for ticker in sorted(there - here)]
    return lines + [f"{ticker}: a {what} that should not be" for ticker in sorted(here - there)]


def _of_history(ticker: str, expected: TickerState, found: TickerState) -> list[str]:
    """Compares bars as delivered and on today's basis, features, the due training, and the count of bars."""
    lines: list[str] = []
    if found.counters.accepted != expected.counters.accepted:
        counted, right = found.counters.accepted, expected.counters.accepted
        lines.append(f"{ticker}: {counted} bars counted as accepted, not {right}")
    there, here = expected.delivered.day.tolist(), found.delivered.day.tolist()
    if there != here:
        lost, extra = sorted(set(there) - set(here)), sorted(set(here) - set(there))
        return [*lines, f"{ticker}: {len(lost)} bars lost ({_days(lost)}), {len(extra)} too many ({_days(extra)})"]
    for name in ("delivered", "bars"):
        for column in fields(getattr(expected, name)):
            lines += _of_array(
                f"{ticker}: {name}.{column.name}",
                getattr(getattr(expected, name), column.name),
                getattr(getattr(found, name), column.name),
                here,
            )
    lines += _of_array(f"{ticker}: fetched", expected.fetched, found.fetched, here)
    for name in ("feature_state", "snapshots"):
        if getattr(expected, name).tobytes() != getattr(found, name).tobytes():
            lines.append(f"{ticker}: {name} differs")
    for name in ("first_index", "restatements", "due"):
        if getattr(expected, name) != getattr(found, name):
            lines.append(f"{ticker}: {name} is {getattr(found, name)}, not {getattr(expected, name)}")
    return lines


def _of_array(what: str, expected: Any, found: Any, days: list[int]) -> list[str]:
    if expected.tobytes() == found.tobytes():
        return []
    rows = [n for n, (a, b) in enumerate(zip(expected, found, strict=True)) if a.tobytes() != b.tobytes()]
    first = rows[0]
    return [f"{what} differs on {_days([days[n] for n in rows])}: first {found[first]}, not {expected[first]}"]


def truth_differences(deliveries: Iterable[Delivery], histories: Mapping[str, TickerState]) -> list[str]:
    """Compares editions and counts with the messages, without any code of the project."""
    right = truth(deliveries)
    lines = _absent("history", right, histories)
    for ticker in sorted(right.keys() & histories.keys()):
        state, bars = histories[ticker], right[ticker]
        days = np.datetime_as_string(state.delivered.day.astype("datetime64[D]")).tolist()
        # The beginning of a long history is counted, but not kept.
        wrong = sorted({day for day in bars if state.first_index == 0 or day >= days[0]} ^ set(days))
        for n, day in enumerate(days):
            held = tuple(float(getattr(state.delivered, name)[n]) for name in _COLUMNS)
            if day in bars and held != bars[day]:
                wrong.append(day)
        if wrong:
            lines.append(f"{ticker}: not the last editions on {', '.join(wrong[:_MOST])} ({len(wrong)} days)")
        if state.total_bars != len(bars):
            lines.append(f"{ticker}: a history of {state.total_bars} bars, but {len(bars)} were published")
        if state.counters.accepted != len(bars):
            lines.append(f"{ticker}: {state.counters.accepted} bars counted as accepted, but {len(bars)} were published")
    return lines


def truth(deliveries: Iterable[Delivery]) -> dict[str, dict[str, tuple[float, ...]]]:
    """The newest edition by ticker and date."""
    newest: dict[str, dict[str, tuple[str, tuple[float, ...]]]] = defaultdict(dict)
    for one in deliveries:
        if not one.good:
            continue
        message = json.loads(one.value or b"")
        moment = f"{message['as_of']} {message['as_of_time']}"
        columns = {"dividend": [0.0] * len(message["date"]), "split": [1.0] * len(message["date"])} | message
        for n, date in enumerate(message["date"]):
            if date[:1].isdigit() and moment >= newest[one.ticker].get(date, ("",))[0]:
                newest[one.ticker][date] = (moment, tuple(float(columns[name][n]) for name in _COLUMNS))
    return {ticker: {date: bar for date, (_, bar) in found.items()} for ticker, found in newest.items()}


def _days(days: list[int]) -> str:
    shown = ", ".join(str(np.datetime64(day, "D")) for day in days[:_MOST])
    return shown + (f", … {len(days)} days" if len(days) > _MOST else "")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
