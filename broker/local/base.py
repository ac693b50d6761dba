"""The interface of a local broker, and helpers for its start."""

from __future__ import annotations

import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from broker.client import is_listening
from errors import BrokerError

READY_SECONDS: Final = 90.0


class LocalBroker(ABC):
    """A broker on this machine. `bootstrap` stays the same after restarts."""

    bootstrap: str

    @abstractmethod
    def start(self) -> None:
        """Start it, or start it again after `kill`, and wait until it answers. Raises BrokerError."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once, as kill -9 does. Its data stay."""

    @abstractmethod
    def stop(self) -> None:
        """End it in order. A second call does nothing."""


def await_broker(options: Mapping[str, Any], check: Callable[[], None] = lambda: None) -> None:
    """Wait until the broker answers a request; `check()` may raise earlier. Raises BrokerError after READY_SECONDS.

    `options` are those of a kafka-python client: `bootstrap_servers` and security.
    """
    bootstrap = ",".join(options["bootstrap_servers"])
    deadline = time.monotonic() + READY_SECONDS
    reason: object = "nothing listens there"
    while time.monotonic() < deadline:
        check()
        # kafka-python leaves the sockets of refused connections open, so check first that something listens.
        if is_listening(bootstrap):
            try:
                with KafkaAdminClient(**{**options, "bootstrap_timeout_ms": 1000}) as admin:
                    admin.list_topics()
                return
            except (KafkaError, OSError) as error:
                reason = error
        time.sleep(0.2)
    raise BrokerError(f"{bootstrap}: Kafka did not answer within {READY_SECONDS:g} s ({reason})")


def die_with_us() -> list[str]:
    """A prefix for a command: its process gets SIGTERM when this process dies. Empty without `setpriv` (util-linux)."""
    tool = shutil.which("setpriv")
    return [tool, "--pdeathsig", "TERM"] if tool else []


def run(command: list[str], what: str) -> str:
    """Run a command and return its output. Raises BrokerError with the end of its error output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode != 0:
        raise BrokerError(f"{what} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
