"""A real broker for this machine: the configured broker, else a container, else Kafka's jars on Java 17.

`make cluster`, the tests and the benchmarks use it. A broker that was started here is stopped and its files are removed at the
end of the `with` block, or when this process dies.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from broker.client import client_options
from broker.local.base import LocalBroker, await_broker
from broker.local.docker import DockerBroker, docker_answers
from broker.local.native import NativeBroker
from errors import BrokerError
from settings import Settings

HOW_TO_GET_ONE: Final = "set KAFKA_BOOTSTRAP to a running Kafka, or install Docker, or Java 17 and Maven"


@contextmanager
def local_broker(settings: Settings) -> Iterator[tuple[str, LocalBroker | None]]:
    """The bootstrap address, and the broker if it was started here (None if KAFKA_BOOTSTRAP is set).

    The broker's data lie in a temporary folder that is removed afterwards. Raises BrokerError if no broker can be started.
    """
    if "kafka_bootstrap" in settings.model_fields_set:
        await_broker(client_options(settings))
        yield settings.kafka_bootstrap, None
        return
    with tempfile.TemporaryDirectory(prefix="broker-", ignore_cleanup_errors=True) as folder:
        broker = _new_broker(Path(folder))
        try:
            broker.start()
            yield broker.bootstrap, broker
        finally:
            broker.stop()


def _new_broker(folder: Path) -> LocalBroker:
    if docker_answers():
        return DockerBroker()
    if shutil.which("java") and shutil.which("mvn"):
        return NativeBroker(folder)
    raise BrokerError(f"no Kafka on this machine: {HOW_TO_GET_ONE}")
