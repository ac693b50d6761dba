"""One round: its processes, its faults, and the comparison once everything is quiet."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

from broker.base import LocalBroker
from broker.topics import ensure_topics
from settings import load_settings
from tests.conftest import ROOT
from tests.kafka.cluster import QUICK
from tests.kafka.storm.aftermath import Aftermath
from tests.kafka.storm.injector import Cast, Injector
from tests.kafka.storm.kafka_side import KafkaSide
from tests.kafka.storm.plan import Plan
from tests.kafka.storm.processes import Helper, Supervisor
from tests.kafka.storm.sending import write_deliveries
from tests.kafka.storm.watch import Takeovers, Watch

SESSION_SECONDS: Final = 10.0
_TICK_SECONDS: Final = 0.1


@dataclass(slots=True)
class Outcome:
    """What a round has shown."""

    seed: int
    folder: Path
    findings: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    disturbed: dict[str, int] = field(default_factory=dict)
    exits: dict[str, int] = field(default_factory=dict)


class Round:
    """Runs a plan. Everything that it starts is ended with it."""

    def __init__(
        self, plan: Plan, broker: LocalBroker, thread: Executor, *, patience: float, say: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._say = say
        self._patience = patience
        self._began = time.monotonic()
        self._folder = Path(tempfile.mkdtemp(prefix=f"storm-{plan.seed}-"))
        self.outcome = Outcome(plan.seed, folder=self._folder)
        prefix = f"s{plan.seed}-{uuid4().hex[:6]}-"
        self._values = QUICK | {
            "KAFKA_BOOTSTRAP": broker.bootstrap,
            "KAFKA_PREFIX": prefix,
            "KAFKA_PARTITIONS": str(plan.partitions),
            "WORKER_SESSION_SECONDS": f"{SESSION_SECONDS:g}",
            "LOG_LEVEL": "INFO",
        }
        self._environment = {**os.environ, **self._values, "PYTHONPATH": str(ROOT), "STATE_DIR": str(self._folder / "state")}
        self._broker, self._thread = broker, thread
        self._kafka = KafkaSide(broker.bootstrap, prefix, plan.partitions)
        self._prefix = prefix

    def run(self) -> None:
        """Carry out the plan and compare; the folder is kept where something was found."""
        plan, outcome = self._plan, self.outcome
        with ExitStack() as stack:
            ensure_topics(load_settings(**{name.lower(): value for name, value in self._values.items()}))
            supervisor = Supervisor(self._folder, self._environment, self._log)
            stack.callback(supervisor.kill_all)
            helpers = self._helpers(stack)
            watch = Watch(lambda: list(supervisor.slots.values()))
            stack.callback(watch.close)
            takeovers = Takeovers(self._broker.bootstrap, f"{self._prefix}forecasts", plan.partitions)
            stack.callback(takeovers.close)
            cast = Cast(
                supervisor=supervisor,
                watch=watch,
                takeovers=takeovers,
                kafka=self._kafka,
                broker=self._broker,
                broker_thread=self._thread,
                senders=[helpers["project"], helpers["independent"]],
                replica=helpers["replica"],
                readers=[helper for name, helper in helpers.items() if name in {"reader", "serve"}],
                environment=self._environment,
                folder=self._folder,
                session_seconds=SESSION_SECONDS,
            )
            injector = Injector(cast, self._log, most_workers=plan.most_workers)
            for number in range(plan.workers):
                supervisor.add(f"w{number + 1}")
            self._storm(supervisor, injector, list(helpers.values()))
            checks = Aftermath(plan, cast, helpers, patience=self._patience, say=self._log)
            outcome.findings += checks.run()
            outcome.findings += supervisor.findings + injector.findings
            outcome.faults = dict(injector.counts)
            outcome.seconds = dict(watch.seconds) | ({"takeover": takeovers.seconds} if takeovers.seconds else {})
            outcome.disturbed = dict(watch.disturbed)
            for slot in supervisor.slots.values():
                for code in slot.exits:
                    outcome.exits[str(code)] = outcome.exits.get(str(code), 0) + 1
        self._kafka.delete_topics()
        if not outcome.findings:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _storm(self, supervisor: Supervisor, injector: Injector, helpers: list[Helper]) -> None:
        """Until the time is over and every fault has ended."""
        faults = list(self._plan.faults)
        while True:
            elapsed = time.monotonic() - self._began
            while faults and faults[0].at <= elapsed:
                injector.inject(faults.pop(0))
            if elapsed > self._plan.seconds and not faults:
                injector.calm()
                if injector.is_calm:
                    return
            injector.tick()
            supervisor.tick()
            for helper in helpers:
                helper.tick()
            time.sleep(_TICK_SECONDS)

    def _helpers(self, stack: ExitStack) -> dict[str, Helper]:
        """The other programs by name, started."""
        file = self._folder / "deliveries.jsonl"
        write_deliveries(file, self._plan.deliveries)
        when = [repr(self._began), repr(self._plan.seconds)]
        state, replica = str(self._folder / "state"), str(self._folder / "replica")
        here = "tests.kafka.storm"
        commands = {
            "project": [f"{here}.project_sender", str(file), str(self._folder / "project.acks"), *when],
            "independent": [
                f"{here}.independent_sender",
                self._broker.bootstrap,
                f"{self._prefix}bars",
                f"{self._prefix}tx",
                str(file),
                str(self._folder / "independent.acks"),
                *when,
            ],
            "replica": ["state", "replica", "--state", replica],
            "reader": [f"{here}.reader", state, str(self._folder / "reader.json")],
        }
        if self._plan.serve:
            commands["serve"] = ["optimizer", "serve", "--state", state, "--port", "0"]
        helpers = {name: Helper(name, command, self._environment, self._folder) for name, command in commands.items()}
        for helper in helpers.values():
            stack.callback(helper.stop)
            helper.tick()
        with (self._folder / "expected.log").open("ab") as log:
            command = [
                sys.executable,
                "-m",
                f"{here}.expected",
                str(file),
                str(self._folder / "expected"),
                self._plan.today.isoformat(),
            ]
            expected = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        stack.callback(expected.wait)
        stack.callback(expected.terminate)
        return helpers

    def _log(self, text: str) -> None:
        line = f"[{self._plan.seed}] {time.monotonic() - self._began:6.1f} s  {text}"
        with (self._folder / "storm.log").open("a") as log:
            log.write(f"{dt.datetime.now(dt.UTC).isoformat()} {line}\n")
        self._say(line)
