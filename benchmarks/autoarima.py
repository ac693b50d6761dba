"""CPU time of statsforecast's AutoARIMA: series on standard input, seconds on standard output, both as JSON.

Run by `benchmarks.training` with the interpreter of another environment: nothing of ours is imported.
"""

from __future__ import annotations

import json
import sys
import time


def cpu_seconds(series: list[float], horizon: int) -> float:
    """CPU-seconds of one automatic fit with the library's defaults, and a forecast of `horizon` steps."""
    import numpy as np  # noqa: PLC0415 - of the other environment
    from statsforecast.models import AutoARIMA  # type: ignore[import-not-found]  # noqa: PLC0415

    values = np.array(series)
    started = time.process_time()
    AutoARIMA().fit(values).predict(horizon)
    return time.process_time() - started


def main() -> None:
    """One time per series; the first is fitted once before, so that loading does not count."""
    request = json.load(sys.stdin)
    series, horizon = request["series"], request["horizon"]
    cpu_seconds(series[0], horizon)
    json.dump([cpu_seconds(values, horizon) for values in series], sys.stdout)


if __name__ == "__main__":
    main()
