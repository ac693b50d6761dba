"""The broker as a container of the image `apache/kafka`."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from typing import Final

from broker.local.base import LocalBroker, await_broker, run
from broker.local.properties import IMAGE, PROPERTIES, environment, listeners
from broker.ports import free_port

_CONTROLLER_PORT: Final = 9093


def docker_answers() -> bool:
    """Whether a Docker client is installed and its engine answers."""
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=10)  # noqa: S607
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


class DockerBroker(LocalBroker):
    """A container with its own volume. The engine keeps it running if this process dies; its name shows its origin."""

    def __init__(self) -> None:
        self._port = free_port()
        self.bootstrap = f"127.0.0.1:{self._port}"
        self._name = f"tidecast-broker-{uuid.uuid4().hex[:8]}"
        self._created = False

    def start(self) -> None:
        """Create the container, or start it again."""
        if self._created:
            run(["docker", "start", self._name], "docker start")
        else:
            where = listeners(host="127.0.0.1", client_port=self._port, controller_port=_CONTROLLER_PORT, bind="0.0.0.0")  # noqa: S104 - inside the container; published on loopback only
            variables = environment(PROPERTIES | where)
            arguments = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
            publish = f"127.0.0.1:{self._port}:{self._port}"
            run(["docker", "run", "--detach", "--name", self._name, "--publish", publish, *arguments, IMAGE], "docker run")
            self._created = True
        await_broker({"bootstrap_servers": [self.bootstrap]})

    def kill(self) -> None:
        """SIGKILL to the broker; the container stays."""
        run(["docker", "kill", self._name], "docker kill")

    def stop(self) -> None:
        """Remove the container and its volume."""
        if self._created:
            self._created = False
            run(["docker", "rm", "--force", "--volumes", self._name], "docker rm")
