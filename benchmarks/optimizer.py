"""The optimizer: from a warm table to weights, and the HTTP service under load while a worker writes the table."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from pypfopt import EfficientFrontier, expected_returns, risk_models

from benchmarks.lookup import row
from optimizer.request import parse_request
from optimizer.session import Session
from optimizer.web.jobs import UNKNOWN_SECONDS
from records import Bars, Floats, day_number
from settings import load_settings
from state.folder import StateFolder
from state.ticker_state import Counters, TickerState

TICKERS: Final = 500
BARS: Final = 1258
CLIENTS: Final = 50
STREAMS: Final = 200
#: Requests a second of each client: 50 of them ask 200 times a second together.
PACE: Final = 4.0
SECONDS: Final = 6.0
_ROOT: Final = Path(__file__).resolve().parents[1]


def run() -> Iterator[dict[str, Any]]:
    """Rows for optimizations of 5, 30 and 500 tickers, and one for the service."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "state"
        bars = _market()
        _write(folder, bars)
        logging.disable(logging.WARNING)
        _plain(bars, list(bars)[:5])  # what it loads and compiles with its first problem is not counted
        for count in (5, 30, TICKERS):
            yield _optimization(folder, bars, count)
        logging.disable(logging.NOTSET)
        yield asyncio.run(_service(folder, Path(name)))


def _optimization(folder: Path, bars: dict[str, Bars], count: int) -> dict[str, Any]:
    """Milliseconds of the first and the repeated request, against PyPortfolioOpt's maximum Sharpe on the same prices."""
    chosen = list(bars)[:count]
    request = parse_request({"start_date": "1990-01-01", "end_date": "2018-02-07", "risk_free_rate": 0.02, "tickers": chosen})
    with Session.open(load_settings(state_dir=folder, price_provider="none")) as session:
        session.forecasts.get(chosen[0])  # opens the database
        first = _milliseconds(lambda: session.optimizer.optimize(request), 1)
        again = _milliseconds(lambda: session.optimizer.optimize(request), 20)
        other = _milliseconds(lambda: session.optimizer.optimize(request.model_copy(update={"risk_free_rate": 0.01})), 1)
    plain = _milliseconds(lambda: _plain(bars, chosen), 1)
    return {
        "benchmark": f"optimize {count} tickers",
        "first_ms": round(first, 1),
        "repeated_ms": round(again, 2),
        "other_rate_ms": round(other, 1),
        "pyportfolioopt_ms": round(plain, 1),
        "ratio_first_to_pyportfolioopt": round(first / plain, 3),
        "aim": "500 tickers: first < 1000 ms, repeated < 20 ms",
    }


def _plain(bars: dict[str, Bars], tickers: list[str]) -> None:
    prices = pd.DataFrame({ticker: bars[ticker].close for ticker in tickers})
    mean = expected_returns.mean_historical_return(prices)
    covariance = risk_models.CovarianceShrinkage(prices).ledoit_wolf()
    frontier = EfficientFrontier(mean, covariance, solver="CLARABEL")
    frontier.max_sharpe(risk_free_rate=0.02)
    frontier.clean_weights()


async def _service(folder: Path, beside: Path) -> dict[str, Any]:
    """Latencies of GET /api/forecasts with 200 streams held and the table being written, and the process's memory."""
    log = beside / "service.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "optimizer", "serve", "--state", str(folder), "--port", "0"],
            cwd=_ROOT,
            stderr=stderr,
            env=os.environ | {"PRICE_PROVIDER": "none", "LOG_LEVEL": "WARNING"},
        )
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writer = context.Process(target=_keep_writing, args=(folder, stop))
    try:
        port = await _port(process.pid)
        await _asked(port, b"GET /api/forecasts HTTP/1.1\r\nHost: localhost\r\n\r\n")
        writer.start()
        optimized = await _asked(port, _post())
        held = [asyncio.create_task(_held(port, number)) for number in range(STREAMS)]
        await asyncio.sleep(UNKNOWN_SECONDS + 1.0)
        paced = await _load(port, PACE)
        streams = await _streams(port)
        flat_out = await _load(port, None)
        for task in held:
            task.cancel()
        rss = int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[0]) / 1024
    finally:
        stop.set()
        if writer.pid is not None:
            writer.join(20)
        process.terminate()
        process.wait(20)
    return {
        "benchmark": "the service while the table is written",
        "forecasts": TICKERS,
        "clients": CLIENTS,
        "streams_held": streams,
        **{f"paced_{name}": value for name, value in paced.items()},
        **{f"flat_out_{name}": value for name, value in flat_out.items()},
        "ratio_p99_to_p50": round(paced["p99_ms"] / paced["p50_ms"], 2),
        "optimize_500_over_http_first_ms": round(optimized, 1),
        "rss_mb": round(rss),
        "aim": "p99 < 20 ms at 50 clients, 200 streams held, no error, RSS < 300 MB",
    }


async def _load(port: int, pace: float | None) -> dict[str, float]:
    """Latencies of CLIENTS clients that ask `pace` times a second each (None: again as soon as they are answered)."""
    delays: list[float] = []
    errors = 0
    end = time.perf_counter() + SECONDS

    async def client(number: int) -> None:
        nonlocal errors
        await asyncio.sleep(number / CLIENTS / (pace or 10.0))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            begun = time.perf_counter()
            writer.write(b"GET /api/forecasts HTTP/1.1\r\nHost: localhost\r\n\r\n")
            errors += await _answer(reader) != 200
            delays.append(time.perf_counter() - begun)
            if pace is not None:
                await asyncio.sleep(max(0.0, 1.0 / pace - delays[-1]))
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    shares = statistics.quantiles(delays, n=100)
    return {
        "per_second": round(len(delays) / SECONDS),
        "p50_ms": round(shares[49] * 1e3, 2),
        "p99_ms": round(shares[98] * 1e3, 2),
        "errors": errors,
    }


async def _held(port: int, number: int) -> None:
    """Hold a stream until cancelled; as its id is never asked for, it ends after some seconds and is opened again.

    Streams begin one after the other over those seconds, or they would all end and be opened again at once.
    """
    await asyncio.sleep(UNKNOWN_SECONDS * number / STREAMS)
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(
                f"GET /api/progress-stream/b{number} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            while await reader.read(65536):
                pass
        finally:
            writer.close()


async def _streams(port: int) -> int:
    """How many streams the service holds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    page = (await reader.read(-1)).decode()
    writer.close()
    return int(float(re.findall(r"^progress_streams (\S+)", page, re.MULTILINE)[0]))


async def _asked(port: int, request: bytes) -> float:
    """Milliseconds until one request is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun = time.perf_counter()
    writer.write(request)
    status = await _answer(reader)
    assert status == 200, status
    writer.close()
    return (time.perf_counter() - begun) * 1e3


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    assert length is not None
    await reader.readexactly(int(length[1]))
    return int(head.split(b" ", 2)[1])


async def _port(pid: int) -> int:
    """The port on which a process listens, once it does."""
    for _ in range(600):
        inodes = {str(entry.readlink())[8:-1] for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()}
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                return int(fields[1].split(":")[1], 16)
        await asyncio.sleep(0.05)
    raise AssertionError("the service did not start")


def _post() -> bytes:
    body = json.dumps(
        {
            "start_date": "1990-01-01",
            "end_date": "2018-02-07",
            "risk_free_rate": 0.02,
            "tickers": [_name(number) for number in range(TICKERS)],
        }
    ).encode()
    head = "POST /api/optimize-portfolio HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _keep_writing(folder: Path, stop: Event) -> None:
    """A worker at full speed: rows are put as fast as they go."""
    with StateFolder(folder).open_writer() as writer:
        edition = 0
        while not stop.is_set():
            edition += 1
            for number in range(TICKERS):
                writer.forecasts.put(row(number, edition % 100))


def _market() -> dict[str, Bars]:
    rng = np.random.default_rng(7)
    last = np.datetime64("2018-02-07")
    day = np.busday_offset(last, np.arange(1 - BARS, 1)).astype("datetime64[D]").astype(np.int32)
    market = rng.normal(0.0004, 0.008, BARS)
    bars = {}
    for number in range(TICKERS):
        noise = rng.normal(rng.normal(0.0002, 0.0003), rng.uniform(0.006, 0.016), BARS)
        close: Floats = 50.0 * np.exp(np.cumsum(market * rng.uniform(0.5, 1.5) + noise))
        volume = np.full(BARS, 1e6)
        bars[_name(number)] = Bars.of(
            day.copy(), open=close.copy(), high=close * 1.01, low=close * 0.99, close=close, volume=volume
        )
    return bars


def _write(folder: Path, bars: dict[str, Bars]) -> None:
    rng = np.random.default_rng(8)
    with StateFolder(folder).open_writer() as writer:
        for number, (ticker, held) in enumerate(bars.items()):
            fetched = np.full(BARS, day_number(held.last_date), np.int32)
            snapshots = np.zeros((-(-BARS // 64), 4))
            state = TickerState(ticker, 0, held, fetched, np.zeros(4), snapshots, None, Counters(accepted=BARS))
            writer.history.save(state, changed_from=0)
            made = row(number, 0)
            values = {name: getattr(made, name) for name in made.__struct_fields__}
            values |= {"annual_return": float(rng.normal(0.09, 0.04)), "annual_volatility": float(rng.uniform(0.15, 0.45))}
            writer.forecasts.put(type(made)(**values))


def _name(number: int) -> str:
    return f"T{number:03d}"


def _milliseconds(work: Callable[[], object], times: int) -> float:
    delays = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        delays.append(time.perf_counter() - begun)
    return statistics.median(delays) * 1e3
