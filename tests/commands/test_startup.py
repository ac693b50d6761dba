"""What a worker does not load, and that it can load it nevertheless."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

SCRIPT = """
import sys
from commands.startup import without
with without("scipy", "cffi"):
    import streams.kafka.worker.process
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"scipy", "cffi", "pandas", "torch"}))
import scipy.linalg, cffi
print(scipy.linalg.norm([3.0, 4.0]))
"""


def test_a_worker_does_without_what_only_numba_looks_for():
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["", "5.0"]), done.stderr
