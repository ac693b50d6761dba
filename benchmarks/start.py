"""The CPU time of a worker's imports: as it starts, without byte code, and with garbage collections while it loads."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, Final

_TURNS: Final = 5
_IMPORTS: Final = """
import resource
from commands import startup
with startup.without("scipy", "cffi"){uncollected}:
    import streams.kafka.worker.process
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""
_AS_IT_STARTS: Final = _IMPORTS.format(uncollected=", startup.uncollected()")
_COLLECTED: Final = _IMPORTS.format(uncollected="")


def run() -> Iterator[dict[str, Any]]:
    """A row; the three kinds take turns, each import in a new process."""
    with tempfile.TemporaryDirectory() as compiled, tempfile.TemporaryDirectory() as empty:
        known = {"PYTHONPYCACHEPREFIX": compiled}
        unknown = {"PYTHONPYCACHEPREFIX": empty, "PYTHONDONTWRITEBYTECODE": "1"}
        _cpu_seconds(_AS_IT_STARTS, known)  # compiles
        kinds = {
            "cpu_seconds": (_AS_IT_STARTS, known),
            "with_collections": (_COLLECTED, known),
            "without_byte_code": (_AS_IT_STARTS, unknown),
        }
        taken: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(_TURNS):
            for name, (program, environment) in kinds.items():
                taken[name].append(_cpu_seconds(program, environment))
    yield {"benchmark": "imports of a worker"} | {name: round(statistics.median(each), 2) for name, each in taken.items()}


def _cpu_seconds(program: str, environment: Mapping[str, str]) -> float:
    values = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=values | dict(environment), capture_output=True, text=True, check=True
    )
    return float(done.stdout)
