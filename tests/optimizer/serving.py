"""The service as its users meet it: a process of its own, over a real socket."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.conftest import ROOT
from tests.waiting import PATIENCE_SECONDS, until


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """`python -m optimizer serve` over a state folder, on a free port; stopped by SIGTERM. Its log is in a file beside."""

    def __init__(self, state: Path, **environment: str) -> None:
        self._log = state.parent / f"{state.name}.service.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "optimizer", "serve", "--state", str(state), "--port", "0"],
                cwd=ROOT, stderr=log, env=os.environ | {"PRICE_PROVIDER": "none", "BARS_DUE_HOURS": "0"} | environment,
            )  # fmt: skip
        until(lambda: self.process.poll() is not None or self._said_where(), lambda: self.log)
        said = self._said_where()
        assert said, f"the service ended:\n{self.log}"
        self.url = said[1]

    def _said_where(self) -> re.Match[str] | None:
        return re.search(r"serving url=(http://\S+)\n", self.log)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def log(self) -> str:
        return self._log.read_text()

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            named.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.url + path, data, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, **headers)

    def post(self, body: Any, **headers: str) -> Answer:
        return self.request("POST", "/api/optimize-portfolio", body, **headers)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
