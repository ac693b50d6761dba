"""A worker that waits for a file during its start: `python -m tests.kafka.programs.late_worker --id NAME`.

At `$LATE_AT` (`admission`: after its admission, `start`: before its application starts) it creates the file
`$LATE_FILE.reached` and waits for `$LATE_FILE`; only the first time.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import click

from commands import startup
from commands.console import run_cli
from settings import Settings, load_settings
from streams.kafka.worker import process
from streams.kafka.worker.admission import Admission, await_admission
from streams.kafka.worker.app import Engine, build_app

FILE = Path(os.environ["LATE_FILE"])


def reached(place: str) -> bool:
    return os.environ["LATE_AT"] == place and not FILE.exists()


async def hold() -> None:
    Path(f"{FILE}.reached").touch()
    while not FILE.exists():
        await asyncio.sleep(0.01)


def late_admission(settings: Settings) -> Admission:
    admission = await_admission(settings)
    if reached("admission"):
        asyncio.run(hold())
    return admission


def late_app(settings: Settings, **options: Any) -> Engine:
    engine = build_app(settings, **options)
    start = engine.app.start

    async def late_start() -> None:
        if reached("start"):
            await hold()
        await start()

    engine.app.start = late_start
    return engine


@click.command()
@click.option("--id", "name")
def cli(name: str) -> None:
    startup.stop_quietly()
    process.run_worker(load_settings(worker_id=name))


if __name__ == "__main__":
    process.await_admission = late_admission  # type: ignore[attr-defined]
    process.build_app = late_app  # type: ignore[attr-defined]
    run_cli(cli)
