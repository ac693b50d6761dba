"""After the storm: wait until everything is quiet, and compare the tables with the expected tables."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from kafka.errors import KafkaError

from errors import ForecastingError
from tests import proc
from tests.conftest import ROOT
from tests.kafka.storm import wire
from tests.kafka.storm.cast import Cast
from tests.kafka.storm.checker import Snapshot, differences, row_differences, truth_differences
from tests.kafka.storm.kafka_side import letter_differences
from tests.kafka.storm.plan import Plan
from tests.kafka.storm.processes import strays
from tests.optimizer.serving import Service

_PAUSE_SECONDS = 1.0
_SAY_SECONDS = 20.0
#: The time for senders and the embedded engine, which are slow on a busy machine.
_HARNESS_SECONDS = 600.0
Check = Callable[[], list[str]]


class Aftermath:
    """All comparisons of a round; `run` returns the findings."""

    def __init__(self, plan: Plan, cast: Cast, *, patience: float) -> None:
        self._plan = plan
        self._cast = cast
        self._helpers = cast.helpers
        self._patience = patience
        self._expected = Snapshot()

    def run(self) -> list[str]:
        """The differences after the longest wait, then the differences after the tables are read back."""
        supervisor, state = self._cast.supervisor, self._cast.supervisor.state
        folder = self._cast.folder
        unfinished = self._await([self._unsent, self._embedded], max(self._patience, _HARNESS_SECONDS))
        if unfinished:
            return unfinished
        self._expected = Snapshot.of(folder / "expected")
        assert self._expected.rows, (folder / "expected.log").read_text()[-2000:]
        before = self._await([self._unsent, self._unready, self._offsets, self._tables, self._replica, self._reader])
        before += truth_differences(self._plan.deliveries, Snapshot.of(state).histories)
        before += self._letters() + self._printed() + self._served()
        self._cast.say(f"compared, {len(before)} findings; now from the changelogs alone")
        supervisor.stop_all()
        for slot in supervisor.slots.values():
            slot.wanted = False
        before += self._await([self._strays])
        _remove(state / "workers")
        supervisor.add("fresh")
        after = self._await([self._unready, self._offsets, self._tables, self._replica, self._reader])
        after += truth_differences(self._plan.deliveries, Snapshot.of(state).histories)
        return before + [f"from the changelogs: {line}" for line in after]

    def _await(self, checks: list[Check], patience: float | None = None) -> list[str]:
        """The findings of the checks at the end of the wait; none as soon as all checks in a row find nothing."""
        said = time.monotonic()
        deadline = said + (patience or self._patience)
        while True:
            found: list[str] = []
            for check in checks:
                try:
                    found += check()
                except (ForecastingError, KafkaError, OSError) as error:
                    found.append(f"{check.__name__.strip('_')}: {type(error).__name__}: {error}")
                if found and time.monotonic() < deadline:
                    break
            if not found or time.monotonic() >= deadline:
                return found
            if time.monotonic() > said + _SAY_SECONDS:
                said = time.monotonic()
                self._cast.say(f"waiting: {found[0][:150]}")
            self._tick(_PAUSE_SECONDS)

    def _tick(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._cast.supervisor.tick()
            for helper in self._helpers.values():
                helper.tick()
            time.sleep(0.1)

    def _unsent(self) -> list[str]:
        noted = 0
        for name in ("project", "independent"):
            notes = self._cast.folder / f"{name}.acks"
            noted += len(set(notes.read_text().split())) if notes.exists() else 0
        missing = len([one for one in self._plan.deliveries if one.channel != wire.COMMAND]) - noted
        if self._helpers["command"].wanted:
            return ["`producers publish` has not published its file: see command.log"]
        return [f"{missing} messages were never acknowledged: see the senders' logs"] if missing else []

    def _embedded(self) -> list[str]:
        return ["the embedded engine has not ended: see expected.log"] if self._helpers["expected"].wanted else []

    def _unready(self) -> list[str]:
        slots = self._cast.supervisor.wanted()
        pages = {slot.key: self._cast.watch.page(slot) for slot in slots}
        found = [f"{name} is not ready" for name, page in pages.items() if not page.get("ready")]
        owned = sorted(partition for page in pages.values() for partition in page.get("partitions", []))
        if owned != list(range(self._plan.partitions)):
            found.append(
                f"partitions are not owned once each: { ({name: page.get('partitions') for name, page in pages.items()}) }"
            )
        return found

    def _offsets(self) -> list[str]:
        return self._cast.kafka.uncommitted()

    def _tables(self) -> list[str]:
        return differences(self._expected, Snapshot.of(self._cast.supervisor.state))

    def _replica(self) -> list[str]:
        return [f"replica: {line}" for line in differences(self._expected, Snapshot.of(self._cast.folder / "replica"))]

    def _reader(self) -> list[str]:
        """The findings of the reader that was open all the time."""
        seen = json.loads((self._cast.folder / "reader.json").read_text())
        rows = {ticker: text.encode() for ticker, text in seen["rows"].items()}
        found = row_differences(self._expected.rows, rows)
        for ticker, state in self._expected.histories.items():
            if seen["bars"].get(ticker) != len(state.bars):
                found.append(f"{ticker}: {seen['bars'].get(ticker)} bars, not {len(state.bars)}")
        return [f"a reader open all the time: {line}" for line in found]

    def _letters(self) -> list[str]:
        dead = {(one.key, one.value) for one in self._plan.deliveries if one.dead}
        return letter_differences(self._cast.kafka.messages("bars-rejected"), dead)

    def _strays(self) -> list[str]:
        """The training processes that outlive their worker."""
        known = [helper.process.pid for helper in self._helpers.values() if helper.process is not None]
        commands = {pid: " ".join(proc.command_line(pid))[:100] for pid in strays(self._cast.prefix, known)}
        # A helper's child, such as Python's resource tracker, ends with the helper.
        return [
            f"process {pid} was left behind: {command}"
            for pid, command in commands.items()
            if command and proc.is_alive(pid) and proc.parent(pid) not in known
        ]

    def _served(self) -> list[str]:
        """Compare the HTTP service that ran through the storm with a service over the expected state."""
        if "serve" not in self._helpers:
            return []
        log = self._helpers["serve"].log.read_text(errors="replace")
        here = re.findall(r"serving url=(http://\S+)\n", log)
        if not here:
            return [f"the HTTP service does not run: {log[-300:]}"]
        service = Service(self._cast.folder / "expected")
        try:
            answered = service.get("/api/forecasts")
        finally:
            service.stop()
        if answered.status != HTTPStatus.OK:
            return [f"the HTTP service over the expected state answers {answered.status}: {answered.json}"]
        there = answered.json["forecasts"]
        with urllib.request.urlopen(f"{here[-1]}/api/forecasts", timeout=60) as answer:
            found = json.load(answer)["forecasts"]
        names = [one["ticker"] for one, other in zip(there, found, strict=False) if one != other]
        same = len(there) == len(found) and not names
        return [] if same else [f"the HTTP service's forecasts differ: {len(found)} of {len(there)}, first {names[:3]}"]

    def _printed(self) -> list[str]:
        """The table as users see it, pooled over its tickers."""
        texts = [_forecasts(self._cast.folder / name, self._cast.environment) for name in ("expected", "state", "replica")]
        names = ("workers", "replica")
        return [
            f"the printed forecasts of the {name} are not those of the embedded engine"
            for name, text in zip(names, texts[1:], strict=True)
            if text != texts[0]
        ]


def _remove(folder: Path) -> None:
    """Open readers write RocksDB's settings into a copy whenever they reopen it."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def _forecasts(state: Path, environment: dict[str, str]) -> bytes:
    command = [sys.executable, "-m", "state", "forecasts", "--format", "json", "--state", str(state)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).stdout
