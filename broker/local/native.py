"""A broker from Kafka's jars, fetched by Maven and run on Java 17."""

from __future__ import annotations

import base64
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Final

from broker.local.base import LocalBroker, await_broker, die_with_us, run
from broker.local.properties import PROPERTIES, VERSION, listeners
from broker.ports import free_port
from errors import BrokerError

_POM: Final = Path(__file__).parents[1] / "pom.xml"
#: 45 jars, 43 MB; the folder is not part of the tree.
_LIBRARIES: Final = Path(__file__).parents[1] / "libs" / VERSION
#: The heap is enough for some hundred MB of messages. The serial collector and the first compiler start fastest on few cores.
_JAVA: Final = ("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class NativeBroker(LocalBroker):
    """A Java process. It gets SIGTERM when this process dies, if `setpriv` (util-linux) is installed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._client_port, self._controller_port = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self._client_port}"
        self._process: subprocess.Popen[bytes] | None = None

    def properties(self) -> dict[str, str]:
        """The broker's settings."""
        where = listeners(
            host="127.0.0.1", client_port=self._client_port, controller_port=self._controller_port, bind="127.0.0.1"
        )
        return PROPERTIES | where | {"log.dirs": str(self._folder / "data")}

    def start(self) -> None:
        """Format the folder the first time, then run the broker."""
        classpath = f"{_libraries()}/*"
        self._folder.mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "server.properties"
        configuration.write_text("".join(f"{name}={value}\n" for name, value in self.properties().items()))
        if not (self._folder / "data").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            # With `=`, because the id may begin with a dash.
            arguments = ["format", f"--cluster-id={cluster}", "-c", str(configuration)]
            run([*_JAVA, "-cp", classpath, "kafka.tools.StorageTool", *arguments], "formatting the broker's folder")
        log = self._folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                [*die_with_us(), *_JAVA, "-cp", classpath, "kafka.Kafka", str(configuration)],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                # Ctrl-C in the terminal ends the clients first, then the broker.
                start_new_session=True,
            )
        await_broker({"bootstrap_servers": [self.bootstrap]}, self._check)

    def _check(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            end = (self._folder / "server.log").read_text(errors="replace")[-500:]
            raise BrokerError(f"the broker ended with exit code {self._process.returncode}: {end}")

    def kill(self) -> None:
        """SIGKILL; the folder stays."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after 20 s. The caller removes the folder."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _libraries() -> Path:
    """The folder of jars. Maven fills it the first time; atomically, because two processes may do it at once."""
    if not _LIBRARIES.exists():
        _LIBRARIES.parent.mkdir(parents=True, exist_ok=True)
        target = Path(tempfile.mkdtemp(dir=_LIBRARIES.parent))
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
        run(["mvn", "-q", "-B", "-f", str(_POM), *goal], "Maven, fetching Kafka's jars,")
        try:
            target.rename(_LIBRARIES)
        except OSError:
            shutil.rmtree(target)
            if not _LIBRARIES.exists():
                raise
    return _LIBRARIES
