"""`python -m benchmarks.service_soak --seconds 600`: minutes of mixed load on the optimizer's service, all on this machine.

Beside it a worker writes the table, is killed and starts again. There must be no failure, and the memory must stay flat.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import click

from benchmarks.served_state import LAST, TICKERS, keep_writing, made_bars, write_state
from benchmarks.service_client import Answer, Client, ServiceProcess
from commands.console import run_cli

#: Clients of each kind.
_CLIENTS: Final = 3
#: Pause between two requests of a client, like people and pages; it leaves time for the other processes on two cores.
_PAUSE_SECONDS: Final = 0.2
_KILL_SECONDS: Final = 20.0
_WRITER_PAUSE_SECONDS: Final = 0.5
_SAMPLE_SECONDS: Final = 1.0
_SHOWN_FAILURES: Final = 5
_TOO_MANY: Final = 429
#: About the largest body that is read; twice as much is refused unread.
_MEGABYTE: Final = 950_000


@click.command()
@click.option("--seconds", type=click.FloatRange(1.0, 86400.0), default=60.0, show_default=True)
def cli(seconds: float) -> None:
    """Print the results of SECONDS of load as one JSON object."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "state"
        write_state(folder, made_bars())
        with ServiceProcess(folder) as service:
            click.echo(json.dumps(asyncio.run(_soak(service, folder, seconds)), indent=2))


async def _soak(service: ServiceProcess, folder: Path, seconds: float) -> dict[str, Any]:
    load = _Load(service.port, time.monotonic() + seconds)
    memory: list[float] = []
    watching = asyncio.create_task(_watch(service, memory))
    killing = asyncio.create_task(_kill_and_restart(folder, load))
    kinds = (load.table, load.older, load.newer, load.abandoning, load.mistaken)
    await asyncio.gather(*(load.keep(kind, seed) for seed, kind in enumerate(kinds * _CLIENTS)))
    kills = await killing
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    return {
        "benchmark": f"{seconds:g} s of mixed load",
        "requests": load.asked.total(),
        "by_kind": dict(load.asked),
        "told_to_wait": load.waits,
        "failures": len(load.failures),
        "first_failures": load.failures[:_SHOWN_FAILURES],
        "worker_kills": kills,
        "service_alive": service.alive(),
        "threads": service.threads(),
        "rss_mb_by_tenths": [round(memory[len(memory) * tenth // 10]) for tenth in range(1, 10)] + [round(memory[-1])],
        "rss_mb_peak": round(max(memory)),
        "aim": "no failure in 600 s; RSS flat and < 300 MB",
    }


class _Load:
    """The actions of clients and their results. Any unexpected response is a failure."""

    def __init__(self, port: int, end: float) -> None:
        self._port = port
        self.end = end
        self.asked: collections.Counter[str] = collections.Counter()
        self.failures: list[str] = []
        self.waits = 0
        self._ids = itertools.count()

    async def keep(self, kind: Callable[[Client, random.Random], Awaitable[None]], seed: int) -> None:
        """A client that repeats one kind of action until the end."""
        chance = random.Random(seed)
        client = Client(self._port)
        while time.monotonic() < self.end:
            try:
                await kind(client, chance)
            except (OSError, EOFError, AssertionError, ValueError, KeyError) as error:
                self.failures.append(f"{kind.__name__}: {error!r}"[:300])
                client.close()
            await asyncio.sleep(_PAUSE_SECONDS * chance.random() * 2)
        client.close()

    async def table(self, client: Client, chance: random.Random) -> None:
        """Look-ups, and the requests of monitoring."""
        chosen = ",".join(chance.sample(TICKERS, 5))
        for path in (
            "/api/forecasts",
            f"/api/forecasts?tickers={chosen}",
            f"/api/forecasts/{chosen[:4]}",
            "/readyz",
            "/metrics",
        ):
            answer = await self._asked(client, "GET", path)
            assert answer.status == 200, (path, answer)
            if path == "/api/forecasts":
                assert len(json.loads(answer.text())["forecasts"]) == len(TICKERS), "rows are missing"

    async def older(self, client: Client, chance: random.Random) -> None:
        """The older client: the response is the result."""
        answer = await self._asked(client, "POST", "/api/optimize-portfolio", _request(chance))
        assert answer.status == 200, answer
        _check(json.loads(answer.text()))

    async def newer(self, client: Client, chance: random.Random) -> None:
        """The newer client: opens the stream before or after the request, and again."""
        request_id = self._new_id()
        listening = asyncio.create_task(self._listened(request_id)) if chance.random() < 0.5 else None
        body = _request(chance) | {"request_id": request_id}
        answer = await self._asked(client, "POST", "/api/optimize-portfolio", body, patient=False)
        if answer.status == _TOO_MANY:
            # The page says so, and its stream ends with the same reason.
            if listening is not None:
                assert (await listening)[-1]["type"] == "error", "the stream of a refused request must say so"
            return
        assert answer.status == 200, answer
        first = await (listening or self._listened(request_id))
        assert first[-1]["type"] == "complete", first[-1]
        _check(first[-1]["result"])
        again = await self._listened(request_id)
        assert again[-1] == first[-1], "a stream opened again says something else"

    async def abandoning(self, client: Client, chance: random.Random) -> None:
        """Pages closed too early, and unknown ids."""
        request_id = self._new_id()
        if chance.random() < 0.1:
            assert (await self._listened(request_id))[-1]["type"] == "progress", "an unknown id must end without an error"
            return
        await Client(self._port).events(request_id, most=1)
        answer = await self._asked(client, "POST", "/api/optimize-portfolio", _request(chance) | {"request_id": request_id})
        assert answer.status == 200, answer

    async def mistaken(self, client: Client, chance: random.Random) -> None:
        """Infeasible requests, each with its expected status and message."""
        request_id = self._new_id()
        for changes, status in (
            ({"tickers": []}, 400),
            ({"target_return": 9}, 400),
            ({"end_date": "1970"}, 400),
            ({"tickers": ["NOSUCH"]}, 503),
            ({"end_date": "2199-01-01"}, 400),
            ({"ticker_group": "x" * _MEGABYTE}, 400),
            ({"sector_limits": {f"sector {number}": 0.1 for number in range(30_000)}}, 400),
            ({"tickers": ["not a ticker"] * 60_000}, 400),
            ({"tickers": ["y" * 2 * _MEGABYTE], "request_id": self._new_id()}, 413),
            ({"tickers": ["T001", "T002"], "target_return": 9, "request_id": request_id}, 200),
        ):
            answer = await self._asked(client, "POST", "/api/optimize-portfolio", _request(chance) | changes)
            assert answer.status == status, (changes, answer)
            assert status == 200 or json.loads(answer.text())["error"], answer
        assert "feasible range" in (await self._listened(request_id))[-1]["message"]
        answer = await self._asked(client, "GET", "/api/forecasts/NOSUCH")
        assert answer.status == 404, answer

    async def _asked(self, client: Client, method: str, path: str, body: Any = None, *, patient: bool = True) -> Answer:
        """The response; with `patient` the request is repeated as long as the service asks for it."""
        self.asked[f"{method} {path.partition('?')[0].partition('/T')[0]}"] += 1
        while (answer := await client.ask(method, path, body)).status == _TOO_MANY:
            self.waits += 1
            await asyncio.sleep(1.0)  # as its Retry-After says
            if not patient:
                break
        return answer

    async def _listened(self, request_id: str) -> list[dict[str, Any]]:
        self.asked["streams"] += 1
        events = await Client(self._port).events(request_id)
        assert events, "a stream ended without a word"
        return events

    def _new_id(self) -> str:
        return f"req_{next(self._ids)}"


def _request(chance: random.Random) -> dict[str, Any]:
    """Mostly small portfolios, some of hundreds of tickers; start dates differ, so that few responses are cached."""
    count = chance.choice((3, 5, 10, 30, 30, 100, 300))
    start = f"{chance.randint(2013, 2016)}-{chance.randint(1, 12):02d}-01"
    tickers = chance.sample(TICKERS, count)
    return {"start_date": start, "end_date": LAST.isoformat(), "risk_free_rate": 0.02, "tickers": tickers}


def _check(result: dict[str, Any]) -> None:
    assert abs(sum(result["weights"].values()) - 1.0) < 1e-9, "the weights do not sum to 1"
    assert set(result["prices"]) == set(result["weights"]), "a price is missing"
    assert result["sharpe_ratio"] == (result["return"] - 0.02) / result["risk"], "the Sharpe ratio is another"


async def _watch(service: ServiceProcess, memory: list[float]) -> None:
    while True:
        memory.append(service.megabytes())
        await asyncio.sleep(_SAMPLE_SECONDS)


async def _kill_and_restart(folder: Path, load: _Load) -> int:
    """A worker that writes all rows twice a second; it is killed and restarted repeatedly."""
    context = multiprocessing.get_context("spawn")
    never = context.Event()
    for kills in itertools.count():
        worker = context.Process(target=keep_writing, args=(folder, never, _WRITER_PAUSE_SECONDS))
        worker.start()
        await asyncio.sleep(min(_KILL_SECONDS, max(0.0, load.end - time.monotonic())))
        worker.kill()
        await asyncio.to_thread(worker.join)
        if time.monotonic() >= load.end:
            return kills
    raise AssertionError("unreachable")


if __name__ == "__main__":
    run_cli(cli)
