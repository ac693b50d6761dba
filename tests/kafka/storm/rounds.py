"""A round: its processes, its faults, and the comparison after everything is quiet."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

from broker.local.base import LocalBroker
from broker.topics import ensure_topics
from settings import load_settings
from tests.conftest import ROOT
from tests.kafka.cluster import QUICK
from tests.kafka.storm import wire
from tests.kafka.storm.aftermath import Aftermath
from tests.kafka.storm.cast import Cast
from tests.kafka.storm.injector import Injector
from tests.kafka.storm.kafka_side import KafkaSide
from tests.kafka.storm.plan import Plan
from tests.kafka.storm.processes import Helper, Supervisor, strays
from tests.kafka.storm.sending import write_deliveries, write_file
from tests.kafka.storm.watch import Takeovers, Watch

SESSION_SECONDS: Final = 8.0
_TICK_SECONDS: Final = 0.1


@dataclass(slots=True)
class Outcome:
    """The result of a round."""

    seed: int
    folder: Path
    findings: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    disturbed: dict[str, int] = field(default_factory=dict)
    exits: dict[str, int] = field(default_factory=dict)


class Round:
    """Runs a plan. All its processes end with it. `beside` is entered for the time of the faults."""

    def __init__(
        self,
        plan: Plan,
        broker: LocalBroker,
        thread: Executor,
        *,
        patience: float,
        say: Callable[[str], None],
        beside: Callable[[Cast], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        self._plan = plan
        self._say = say
        self._patience = patience
        self._beside = beside
        self._began = time.monotonic()
        self._folder = Path(tempfile.mkdtemp(prefix=f"storm-{plan.seed}-"))
        self.outcome = Outcome(plan.seed, folder=self._folder)
        prefix = f"s{plan.seed}-{uuid4().hex[:6]}-"
        self._values = QUICK | {
            "KAFKA_BOOTSTRAP": broker.bootstrap,
            "KAFKA_PREFIX": prefix,
            "KAFKA_PARTITIONS": str(plan.partitions),
            "WORKER_SESSION_SECONDS": f"{SESSION_SECONDS:g}",
            "PRICE_PROVIDER": "none",
        }
        self._environment = {**os.environ, **self._values, "PYTHONPATH": str(ROOT), "STATE_DIR": str(self._folder / "state")}
        self._broker, self._thread = broker, thread
        self._kafka = KafkaSide(broker.bootstrap, prefix, plan.partitions)
        self._prefix = prefix

    def run(self) -> None:
        """Run the plan and compare. The folder is kept if anything was found."""
        plan, outcome = self._plan, self.outcome
        with ExitStack() as stack:
            ensure_topics(load_settings(**{name.lower(): value for name, value in self._values.items()}))
            stack.callback(_kill_strays, self._prefix)
            supervisor = Supervisor(self._folder, self._environment, self._log)
            stack.callback(supervisor.kill_all)
            watch = Watch(lambda: list(supervisor.slots.values()))
            stack.callback(watch.close)
            for number in range(plan.workers):
                supervisor.add(f"w{number + 1}")
            self._await_ready(supervisor, watch)
            # The plan's time begins here, with a working cluster, however slow the machine is.
            self._began = time.monotonic()
            helpers = self._helpers(stack)
            takeovers = Takeovers(self._broker.bootstrap, f"{self._prefix}forecasts", plan.partitions)
            stack.callback(takeovers.close)
            cast = Cast(
                supervisor=supervisor,
                watch=watch,
                takeovers=takeovers,
                kafka=self._kafka,
                broker=self._broker,
                broker_thread=self._thread,
                helpers=helpers,
                prefix=self._prefix,
                environment=self._environment,
                folder=self._folder,
                session_seconds=SESSION_SECONDS,
                most_workers=plan.most_workers,
                say=self._log,
            )
            injector = Injector(cast)
            with self._beside(cast):
                self._storm(supervisor, injector, list(helpers.values()))
            checks = Aftermath(plan, cast, patience=self._patience)
            outcome.findings += checks.run()
            outcome.findings += supervisor.findings + cast.findings
            outcome.faults = dict(injector.counts)
            outcome.seconds = dict(watch.seconds) | dict(takeovers.seconds)
            outcome.disturbed = dict(watch.disturbed)
            for slot in supervisor.slots.values():
                for code in slot.exits:
                    outcome.exits[str(code)] = outcome.exits.get(str(code), 0) + 1
        self._kafka.delete_topics()
        if not outcome.findings:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _await_ready(self, supervisor: Supervisor, watch: Watch) -> None:
        deadline = time.monotonic() + self._patience
        while not all(watch.page(slot).get("partitions") for slot in supervisor.wanted()) and time.monotonic() < deadline:
            supervisor.tick()
            time.sleep(_TICK_SECONDS)

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
        """Start the other programs; returns them by name."""
        file = self._folder / "deliveries.jsonl"
        write_deliveries(file, self._plan.deliveries)
        when = [repr(self._began), repr(self._plan.seconds)]
        state, replica = str(self._folder / "state"), str(self._folder / "replica")
        here = "tests.kafka.storm"
        commands = {
            "project": [f"{here}.project_sender", str(file), str(self._folder / "project.acks"), *when],
            "independent": [
                f"{here}.{self._plan.client}",
                self._broker.bootstrap,
                f"{self._prefix}bars",
                f"{self._prefix}tx",
                str(file),
                str(self._folder / "independent.acks"),
                *when,
            ],
            "expected": [f"{here}.expected", str(file), str(self._folder / "expected"), self._plan.today.isoformat()],
            "replica": ["state", "replica", "--state", replica],
            "reader": [f"{here}.reader", state, str(self._folder / "reader.json")],
        }
        if self._plan.serve:
            commands["serve"] = ["optimizer", "serve", "--state", state, "--port", "0"]
        helpers = {name: Helper(name, command, self._environment, self._folder) for name, command in commands.items()}
        helpers["command"] = self._command()
        for helper in helpers.values():
            stack.callback(helper.stop)
            helper.tick()
        return helpers

    def _command(self) -> Helper:
        """The command that publishes a file, bar by bar, so that it can be killed during its work."""
        (filed,) = [one for one in self._plan.deliveries if one.channel == wire.COMMAND]
        path = self._folder / "bars.csv"
        write_file(path, filed)
        command = ["producers", "publish", "--source", "file", "--path", str(path), "--batch", "1"]
        # Declared, since made prices do not fall on ex-dates.
        command += ["--read-as", "prices=raw"]
        at = self._began + filed.at * self._plan.seconds
        return Helper("command", command, self._environment, self._folder, not_before=at)

    def _log(self, text: str) -> None:
        line = f"[{self._plan.seed}] {time.monotonic() - self._began:6.1f} s  {text}"
        with (self._folder / "storm.log").open("a") as log:
            log.write(f"{dt.datetime.now(dt.UTC).isoformat()} {line}\n")
        self._say(line)


def _kill_strays(prefix: str) -> None:
    for pid in strays(prefix, ()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
