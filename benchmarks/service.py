"""The HTTP service under load while the table is written: latencies, streams held, memory."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.served_state import LAST, TICKERS, keep_writing, made_bars, write_state
from benchmarks.service_client import Client, ServiceProcess
from optimizer.web.jobs import UNKNOWN_SECONDS

CLIENTS: Final = 50
STREAMS: Final = 200
#: Requests a second of each client: 50 clients send 200 a second together.
PACE: Final = 4.0
SECONDS: Final = 8.0
_TABLE: Final = "/api/forecasts"
#: A response without work: the overhead that machine and server add to every other response.
_NOTHING: Final = "/healthz"


def run() -> Iterator[dict[str, Any]]:
    """One row with the table not written, and one with a worker that writes it at full speed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "state"
        write_state(folder, made_bars())
        for written in (False, True):
            yield asyncio.run(_service(folder, written=written))


async def _service(folder: Path, *, written: bool) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writer = context.Process(target=keep_writing, args=(folder, stop))
    with ServiceProcess(folder) as service:
        client = Client(service.port)
        await client.ask("GET", _TABLE)
        if written:
            writer.start()
        try:
            begun = time.perf_counter()
            request = {"start_date": "1990-01-01", "end_date": LAST.isoformat(), "risk_free_rate": 0.02, "tickers": TICKERS}
            answer = await client.ask("POST", "/api/optimize-portfolio", request)
            assert answer.status == 200, answer
            optimized = (time.perf_counter() - begun) * 1e3
            held = [asyncio.create_task(_held(service.port, number)) for number in range(STREAMS)]
            await asyncio.sleep(UNKNOWN_SECONDS + 1.0)
            paced = await _load(service, _TABLE, PACE)
            nothing = await _load(service, _NOTHING, PACE)
            page = (await client.ask("GET", "/metrics")).text()
            streams = int(float(re.findall(r"^progress_streams (\S+)", page, re.MULTILINE)[0]))
            flat_out = await _load(service, _TABLE, None)
            for task in held:
                task.cancel()
            await asyncio.gather(*held, return_exceptions=True)
            megabytes = service.megabytes()
        finally:
            client.close()
            if written:
                stop.set()
                writer.join(20)
    return {
        "benchmark": f"the service, the table {'written at full speed' if written else 'at rest'}",
        "forecasts": len(TICKERS),
        "clients": CLIENTS,
        "streams_held": streams,
        **{f"paced_{name}": value for name, value in paced.items()},
        **{f"paced_healthz_{name}": value for name, value in nothing.items()},
        **{f"flat_out_{name}": value for name, value in flat_out.items()},
        "ratio_p99_to_healthz": round(paced["p99_ms"] / nothing["p99_ms"], 2),
        "optimize_500_over_http_first_ms": round(optimized, 1),
        "rss_mb": round(megabytes),
        "aim": "p99 < 20 ms at 50 clients, 200 streams held, no error, RSS < 300 MB",
    }


async def _load(service: ServiceProcess, path: str, pace: float | None) -> dict[str, float]:
    """The latencies of CLIENTS clients that send `pace` requests a second each (None: without a pause)."""
    delays: list[float] = []
    errors = 0
    cpu = service.cpu_seconds()
    end = time.perf_counter() + SECONDS

    async def ask_on(number: int) -> None:
        nonlocal errors
        await asyncio.sleep(number / CLIENTS / (pace or 10.0))
        client = Client(service.port)
        while time.perf_counter() < end:
            begun = time.perf_counter()
            answer = await client.ask("GET", path)
            delays.append(time.perf_counter() - begun)
            errors += answer.status != 200
            if pace is not None:
                await asyncio.sleep(max(0.0, 1.0 / pace - delays[-1]))
        client.close()

    await asyncio.gather(*(ask_on(number) for number in range(CLIENTS)))
    shares = statistics.quantiles(delays, n=100)
    return {
        "per_second": round(len(delays) / SECONDS),
        "cpu_ms_each": round((service.cpu_seconds() - cpu) / len(delays) * 1e3, 2),
        "p50_ms": round(shares[49] * 1e3, 2),
        "p99_ms": round(shares[98] * 1e3, 2),
        "errors": errors,
    }


async def _held(port: int, number: int) -> None:
    """Hold a stream until cancelled. Its id is never requested, so it ends after some seconds and is opened again.

    Streams begin one after the other over those seconds, or they would all end and be opened again at once.
    """
    await asyncio.sleep(UNKNOWN_SECONDS * number / STREAMS)
    while True:
        await Client(port).events(f"b{number}")
