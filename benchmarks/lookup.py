"""The forecast table: how soon a reader in another process sees a new row, and the cost of a look-up."""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from records import Forecast, decode_forecast, encode_forecast
from state.folder import StateFolder
from state.readers import ForecastReader
from tests.made.rows import forecast

ROWS: Final = 500
PUTS: Final = 200


def run() -> Iterator[dict[str, Any]]:
    """One row of look-ups, one of visibility."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with StateFolder(folder).open_writer() as writer:
            for number in range(ROWS):
                writer.forecasts.put(row(number, 0))
        yield lookups(folder)
        yield visibility(folder)


def lookups(folder: Path) -> dict[str, Any]:
    """Milliseconds for one row and for all rows, first and repeated, compared with decoding as many rows from memory."""
    tickers = [f"T{number:03d}" for number in range(ROWS)]
    with ForecastReader(folder) as reader:
        reader.get(tickers[0])  # opens the database
        first = _milliseconds(lambda: reader.get_many(tickers), 1)
        again = _milliseconds(lambda: reader.get_many(tickers), 50)
        one = _milliseconds(lambda: reader.get(tickers[7]), 2000)
    payloads = [encode_forecast(row(number, 0)) for number in range(ROWS)]
    decoding = _milliseconds(lambda: [decode_forecast(payload) for payload in payloads], 20)
    return {
        "benchmark": "look-up of forecasts",
        "one_ms": round(one, 4),
        f"first_{ROWS}_ms": round(first, 2),
        f"again_{ROWS}_ms": round(again, 2),
        "aim": f"one < 1 ms, {ROWS} < 10 ms",
        "ratio_to_decoding_alone": round(again / decoding, 2),
    }


def visibility(folder: Path) -> dict[str, Any]:
    """Milliseconds from a put in one process until a reader in another has the row, without and with the usual throttle."""
    figures = {
        f"p{share}_ms{suffix}": value
        for seconds, suffix in ((0.0, ""), (0.25, "_throttled"))
        for share, value in _delays(folder, seconds).items()
    }
    return {"benchmark": "put to visible in another process", **figures}


def row(number: int, turn: int) -> Forecast:
    """A row as large as real rows; `turn` distinguishes one put from the next."""
    return forecast(f"T{number:03d}", last_close=100.0 + turn)


def _delays(folder: Path, refresh_seconds: float) -> dict[int, float]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    writer = context.Process(target=_write, args=(folder, theirs))
    writer.start()
    delays: list[float] = []
    try:
        with ForecastReader(folder, refresh_seconds=refresh_seconds) as reader:
            ours.recv()
            for turn in range(1, PUTS + 1):
                ours.send(turn)
                put_at = ours.recv()
                while (seen := reader.get("T000")) is None or seen.last_close != 100.0 + turn:
                    time.sleep(0.0002)
                delays.append((time.monotonic() - put_at) * 1e3)
        ours.send(None)
    finally:
        writer.join(10)
        if writer.is_alive():
            writer.kill()
    cut = statistics.quantiles(delays, n=100)
    return {50: round(cut[49], 2), 95: round(cut[94], 2)}


def _write(folder: Path, pipe: Connection) -> None:
    with StateFolder(folder).open_writer() as writer:
        pipe.send("ready")
        while (turn := pipe.recv()) is not None:
            writer.forecasts.put(row(0, turn))
            pipe.send(time.monotonic())


def _milliseconds(work: Callable[[], object], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - started) / repeats * 1e3
