"""`python -m tests.kafka.soak.client LOG FOLDER`: asks the HTTP service for forecasts and portfolios, for ever.

LOG is the service's log, which has its address. `FOLDER/client.json` has the number of answers and the first failures.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import re
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

_PAUSE_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 30.0
_SHOWN: Final = 20
_TOO_MANY: Final = 429
#: Tickers of a portfolio.
_CHOSEN: Final = 5
_PORTFOLIO_DAYS: Final = 200


class Client:
    """A client of one service; `answers` and `failures` grow."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answers = 0
        self.failures: list[str] = []

    def ask(self, path: str, body: Any = None, *, fine: tuple[int, ...] = (200, _TOO_MANY)) -> Any:
        """The response's JSON, None without one. Any status that is not expected is a failure."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, content = error.code, error.read()
        except OSError as error:
            self.failures.append(f"{path}: {error!r}")
            return None
        self.answers += 1
        if status not in fine:
            self.failures.append(f"{path}: {status} {content[:200]!r}")
        return json.loads(content) if content.startswith(b"{") else None


def main(log: str, folder: str) -> None:
    """Ask as soon as there are some forecasts."""
    chance = random.Random(0)
    client = Client(_address(Path(log)))
    while len(served := _served(client)) < _CHOSEN:
        time.sleep(_PAUSE_SECONDS)
    client.failures.clear()
    target = Path(folder) / "client.json"
    while True:
        chosen = chance.sample(sorted(served), _CHOSEN)
        client.ask(f"/api/forecasts?tickers={','.join(chosen)}")
        client.ask(f"/api/forecasts/{chosen[0]}?explain=1")
        # A worker that is down makes the service's forecasts late, which its page says.
        client.ask("/readyz", fine=(200, 503))
        client.ask("/metrics")
        # Each history ends where its live days are: a portfolio of the oldest day of them all.
        end = min(served[ticker] for ticker in chosen)
        dates = {"start_date": (end - dt.timedelta(days=_PORTFOLIO_DAYS)).isoformat(), "end_date": end.isoformat()}
        # Histories of live days may overlap too little for a portfolio: the service refuses it with the reason.
        client.ask("/api/optimize-portfolio", {"tickers": chosen, "risk_free_rate": 0.02} | dates, fine=(200, 400, _TOO_MANY))
        served = _served(client) or served
        part = target.with_suffix(".part")
        part.write_text(json.dumps({"answers": client.answers, "failures": client.failures[:_SHOWN]}))
        part.replace(target)
        time.sleep(_PAUSE_SECONDS)


def _address(log: Path) -> str:
    while not (log.exists() and (found := re.findall(r"serving url=(http://\S+)\n", log.read_text(errors="replace")))):
        time.sleep(_PAUSE_SECONDS)
    return str(found[-1])


def _served(client: Client) -> dict[str, dt.date]:
    """The tickers whose forecasts can serve, with the date of their newest bar."""
    table = client.ask("/api/forecasts", fine=(200, 503)) or {}
    rows = [row for row in table.get("forecasts", []) if row.get("fallback") is None]
    return {row["ticker"]: dt.date.fromisoformat(row["as_of"]) for row in rows}


if __name__ == "__main__":
    main(*sys.argv[1:])
