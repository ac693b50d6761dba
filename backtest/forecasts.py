"""The forecasts that a backtest decides by: read from a file of `models evaluate`, or made for its days of decision."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from commands.console import progress
from commands.processes import processes
from errors import SourceError
from evaluation.origins import served_row
from evaluation.report import COLUMNS
from history.windows import window_of_bars
from models.market.model import require_market_model
from models.pooling.pool import pool
from records import Bars, Forecast, day_number
from settings import Settings
from text import encodable

#: Forecast dates closer than this many days belong to one day of decision: tickers skip days of their own.
_SAME_DECISION_DAYS: Final = 8
#: Imported once, and not by every process of a pool; both pools of a backtest fork from the same server.
PRELOADED: Final = ["backtest.forecasts", "backtest.decisions"]


@dataclass(frozen=True, slots=True, eq=False)
class ForecastTable:
    """Rows by ticker in the order of their dates, as the table held them. `source` says where they come from."""

    rows: Mapping[str, Sequence[Forecast]]
    source: str

    def known(self, date: dt.date) -> dict[str, Forecast]:
        """The newest row of each ticker that existed on that date, and none from after it."""
        found = {}
        for ticker, rows in self.rows.items():
            past = [row for row in rows if row.as_of <= date]
            if past:
                found[ticker] = past[-1]
        return found

    def decision_days(self) -> list[int]:
        """Day numbers on which the rows of one origin are all there, rising."""
        days = sorted({day_number(row.as_of) for rows in self.rows.values() for row in rows})
        chosen: list[int] = []
        for day, following in itertools.pairwise([*days, None]):
            assert day is not None
            if following is None or following - day > _SAME_DECISION_DAYS:
                chosen.append(day)
        return chosen


def read_forecasts(path: Path) -> ForecastTable:
    """The table of a file by `models evaluate` or a former backtest. Raises SourceError where it is not one."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - only here

    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise SourceError(f"{path}: there is no such file of forecasts; make one with `models evaluate --out`") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: is no Parquet file ({error}); make one with `models evaluate --out`") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise SourceError(f"{path}: not a file of forecasts, it lacks {', '.join(missing)}: make one with `models evaluate`")
    columns = {name: table[name].to_pylist() for name in COLUMNS}
    rows = [_row(dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)]
    return ForecastTable(_by_ticker(rows), encodable(path.name))


def make_forecasts(bars: Mapping[str, Bars], days: Sequence[int], settings: Settings) -> ForecastTable:
    """Train and forecast every ticker on each of the days, from the bars up to it, and pool the rows of each day."""
    require_market_model(settings)
    made: list[Forecast] = []
    with processes(settings.jobs, preload=PRELOADED) as workers:
        sent = [workers.submit(_rows_of, ticker, held, tuple(days), settings) for ticker, held in bars.items()]
        with progress(len(sent), "tickers forecast") as advance:
            for rows in workers.completed(sent):
                made += rows
                advance(1)
    alone = ForecastTable(_by_ticker(made), "")
    pooled: dict[tuple[str, dt.date], Forecast] = {}
    for day in days:
        date = dt.date(1970, 1, 1) + dt.timedelta(days=int(day))
        for row in pool(list(alone.known(date).values())):
            # The first pooling that knows a row is that of its own day.
            pooled.setdefault((row.ticker, row.as_of), row)
    return ForecastTable(_by_ticker(pooled.values()), "made for this backtest")


def _rows_of(ticker: str, bars: Bars, days: tuple[int, ...], settings: Settings) -> list[Forecast]:
    window = window_of_bars(ticker, bars)
    stops = sorted({int(stop) for stop in np.searchsorted(bars.day, days, side="right") if stop > 1})
    return [served_row(window.until(stop).last(settings.lookback), settings) for stop in stops]


def _by_ticker(rows: Iterable[Forecast]) -> dict[str, list[Forecast]]:
    by_ticker: dict[str, list[Forecast]] = {}
    for row in sorted(rows, key=lambda row: (row.ticker, row.as_of)):
        by_ticker.setdefault(row.ticker, []).append(row)
    return by_ticker


def all_rows(table: ForecastTable) -> Iterator[Forecast]:
    """The rows by date and then ticker."""
    return iter(sorted(itertools.chain(*table.rows.values()), key=lambda row: (row.as_of, row.ticker)))


def _row(values: dict[str, object]) -> Forecast:
    as_of = values["as_of"]
    return Forecast(
        **values | {"as_of": as_of},  # type: ignore[arg-type]
        last_close=float("nan"),
        return_standard_error=None,
        bars_used=0,
        training_cutoff=as_of,  # type: ignore[arg-type]
        settings_hash="",
        code_version="",
    )
