"""Calendars that could not be read are read again, not on the next day."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from streams.kafka.worker import exchange_sessions
from streams.kafka.worker.exchange_sessions import ExchangeSessions

PRINTED = b'{"XNYS": [["2026-11-27", "2026-11-27T18:00:00Z"]]}'
TODAY = dt.date(2026, 11, 27)


class Reader:
    """In place of the process: `code` is what it ends with, `printed` what it prints; without a code it cannot be started."""

    def __init__(self, code: int | None, printed: bytes) -> None:
        self.code = code
        self.printed = printed
        self.starts = 0

    async def start(self, *_: Any, **__: Any) -> Reader:
        self.starts += 1
        if self.code is None:
            raise OSError("no memory for a process")
        return self

    async def communicate(self) -> tuple[bytes, None]:
        return self.printed, None

    @property
    def returncode(self) -> int | None:
        return self.code


def test_a_worker_that_stops_ends_the_process_that_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that stalled had outlived its worker."""
    killed: list[bool] = []

    class Stalled:
        returncode: int | None = None

        async def communicate(self) -> tuple[bytes, None]:
            await asyncio.sleep(3600)
            return b"", None

        def kill(self) -> None:
            killed.append(True)

    async def start(*_: Any, **__: Any) -> Stalled:
        return Stalled()

    async def stop_meanwhile() -> None:
        task = asyncio.create_task(ExchangeSessions().refresh(["XNYS"], TODAY))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr(exchange_sessions.asyncio, "create_subprocess_exec", start)
    asyncio.run(stop_meanwhile())
    assert killed == [True]


@pytest.mark.parametrize(("code", "printed"), [(1, b""), (None, b""), (0, b"{"), (0, b"")])
def test_a_failure_is_tried_again_after_some_minutes(code: int | None, printed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, now = Reader(code, printed), [0.0]
    monkeypatch.setattr(exchange_sessions.asyncio, "create_subprocess_exec", reader.start)
    sessions = ExchangeSessions(clock=lambda: now[0])

    def refreshed() -> bool:
        asyncio.run(sessions.refresh(["XNYS"], TODAY))
        return sessions.of("XNYS") is not None

    assert not refreshed()
    now[0], reader.code, reader.printed = 200.0, 0, PRINTED
    assert not refreshed(), "not in every second"
    now[0] = 301.0
    assert refreshed()
    now[0] = 5000.0
    assert refreshed()
    assert reader.starts == 2
