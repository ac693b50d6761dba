"""Forecast rows and bars as a table, JSON, CSV and Parquet. Equal rows give equal bytes."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from errors import StateWriteError, write_remedy
from records import RETURN_LIMITED, VALUE_COLUMNS, Bars, CandidateScore, Forecast, date_of, fallback_text, forecast_columns

TABLE_WIDTH: Final = 120


def rows_to_json(rows: Iterable[Forecast]) -> bytes:
    """A JSON array of whole rows, sorted by ticker."""
    return msgspec.json.format(msgspec.json.encode(_sorted(rows)), indent=2) + b"\n"


def rows_to_csv(rows: Iterable[Forecast]) -> bytes:
    """One line per row, sorted by ticker, with the columns of `forecast_columns`; numbers are exact, missing values empty."""
    names = list(forecast_columns())
    return _csv(names, ([getattr(row, name) for name in names] for row in _sorted(rows)))


def rows_to_parquet(rows: Iterable[Forecast]) -> bytes:
    """The columns of the CSV with their types."""
    import pyarrow as pa  # noqa: PLC0415 - 0.2 s that only this format needs
    import pyarrow.parquet as pq  # noqa: PLC0415

    kinds = {str: pa.string(), dt.date: pa.date32(), int: pa.int32(), float: pa.float64()}
    ordered, columns = _sorted(rows), forecast_columns()
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    table = pa.table({name: [getattr(row, name) for row in ordered] for name in columns}, schema=schema)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def rows_to_table(rows: Iterable[Forecast]) -> str:
    """A table for people, with the reasons of fallbacks below it; 120 columns are enough for all but the longest tickers.

    Returns and volatilities are annual. The interval is of the return over the horizon. R² and RMSE are of the selected models.
    """
    from rich import box  # noqa: PLC0415 - only a table needs it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    ordered = _sorted(rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for title, justify in _TABLE_HEADER:
        table.add_column(title, justify=justify, no_wrap=True)
    for row in ordered:
        table.add_row(*_table_cells(row))
    out = io.StringIO()
    # The console is wider than the table: it cuts what is too wide, and a cut number is a wrong number.
    console = Console(file=out, width=2 * TABLE_WIDTH, color_system=None, force_terminal=False, markup=False, emoji=False)
    console.print(table)
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    lines += [line for row in ordered for line in _reasons(row)]
    return "\n".join(lines) + "\n"


def bars_to_csv(bars: Bars) -> bytes:
    """One line per bar; numbers are exact."""
    columns = [getattr(bars, name).tolist() for name in VALUE_COLUMNS]
    days = [date_of(day).isoformat() for day in bars.day]
    return _csv(("date", *VALUE_COLUMNS), zip(days, *columns, strict=True))


def write_file(path: Path, content: bytes) -> None:
    """Write `content` to `path`, completely or not at all. Raises StateWriteError if the disk refuses."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        try:
            partial.write_bytes(content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        remedy = write_remedy(error, "free the disk or name another --out")
        raise StateWriteError(f"cannot write {path} ({error.strerror}): {remedy}") from error


def _sorted(rows: Iterable[Forecast]) -> list[Forecast]:
    return sorted(rows, key=lambda row: row.ticker)


def _csv(header: Sequence[str], lines: Iterable[Iterable[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return out.getvalue().encode()


_TABLE_HEADER: Final[tuple[tuple[str, Literal["left", "right"]], ...]] = (
    ("ticker", "left"),
    ("as of", "left"),
    ("return %", "right"),
    ("80 % interval", "right"),
    ("by", "left"),
    ("R²", "right"),
    ("RMSE %", "right"),
    ("vol. %", "right"),
    ("by", "left"),
    ("R²", "right"),
    ("RMSE %", "right"),
    ("fallback", "left"),
)


def _table_cells(row: Forecast) -> tuple[str, ...]:
    of_return, of_volatility = _score(row, row.return_model), _score(row, row.volatility_model)
    return (
        row.ticker,
        row.as_of.isoformat(),
        _percent(row.annual_return),
        "-" if row.lower_80 is None else f"{_percent(row.lower_80)} … {_percent(row.upper_80)}",
        row.return_model or "-",
        _number(of_return.return_r2),
        _percent(of_return.return_rmse),
        _percent(row.annual_volatility),
        row.volatility_model or "-",
        _number(of_volatility.volatility_r2),
        _percent(of_volatility.volatility_rmse),
        row.fallback or "",
    )


def _score(row: Forecast, model: str | None) -> CandidateScore:
    """The score of the selected model; a score without numbers if there is none."""
    return next((score for score in row.candidates if score.model == model), CandidateScore(model=model or ""))


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _reasons(row: Forecast) -> list[str]:
    if row.fallback is None and row.annual_return is not None:
        return [f"{row.ticker}: {step.reason}" for step in row.fallbacks if step.model == RETURN_LIMITED]
    reasons = fallback_text(row.fallbacks, row.ticker) or "no reason recorded"
    served = f"the {row.fallback} estimate stands in" if row.fallback is not None else "no forecast"
    return textwrap.wrap(f"{row.ticker}: {served}. {reasons}", TABLE_WIDTH, subsequent_indent="    ")
