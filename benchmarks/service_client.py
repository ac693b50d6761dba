"""The optimizer's service in a separate process, and clients that keep a connection open as browsers do."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

_ROOT: Final = Path(__file__).resolve().parents[1]
_START_SECONDS: Final = 60.0


class ServiceProcess:
    """`python -m optimizer serve` over a state folder, on a free port of loopback, until the end of the `with`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._log = folder.parent / "service.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "optimizer", "serve", "--state", str(folder), "--port", "0"],
                cwd=_ROOT,
                stderr=log,
                env=os.environ | {"PRICE_PROVIDER": "none"} | environment,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not (found := re.search(r"serving url=http://127\.0\.0\.1:(\d+)", self._log.read_text())):
            assert self.alive(), self._log.read_text()
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.05)
        self.port = int(found[1])

    def megabytes(self) -> float:
        """The current resident set."""
        return int(re.findall(r"VmRSS:\s+(\d+)", self._status())[0]) / 1024

    def cpu_seconds(self) -> float:
        """The CPU time used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self) -> int:
        """The number of threads."""
        return int(re.findall(r"Threads:\s+(\d+)", self._status())[0])

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def _status(self) -> str:
        return Path(f"/proc/{self._process.pid}/status").read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; its content stays compressed, since decompression is not the service's work."""

    status: int
    content: bytes
    compressed: bool

    def text(self) -> str:
        """The decompressed content."""
        return (gzip.decompress(self.content) if self.compressed else self.content).decode()


class Client:
    """A connection that is reused."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """The response to a request like a browser's, which accepts compression."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(_request(method, path, body))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None, head
        content = await reader.readexactly(int(length[1]))
        if b"connection: close" in head:
            self.close()
        return Answer(int(head.split(b" ", 2)[1]), content, b"content-encoding: gzip" in head)

    async def events(self, request_id: str, most: int | None = None) -> list[dict[str, Any]]:
        """The events of a stream until its end, or the first `most`; on a separate connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        events: list[dict[str, Any]] = []
        try:
            writer.write(_request("GET", f"/api/progress-stream/{request_id}", None))
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n", 1)[0], head
            while (most is None or len(events) < most) and (line := await reader.readline()):
                if line.startswith(b"data: "):
                    events.append(json.loads(line[6:]))
                    if events[-1]["type"] in ("complete", "error"):
                        break
        finally:
            writer.close()
        return events

    def close(self) -> None:
        """Close the connection; the next request opens another connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _request(method: str, path: str, body: Any) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    described = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if content else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n{described}\r\n".encode() + content
