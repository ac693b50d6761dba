"""statsforecast's AutoARIMA: series on standard input; of each, its forecast and its cost on standard output, all as JSON.

Run by the interpreter of an environment of its own (`make .venv-statsforecast`): here nothing of ours is imported.
"""

from __future__ import annotations

import json
import sys
import time


def fitted(series: list[float], horizon: int) -> dict[str, object]:
    """One automatic fit with the library's defaults: the `path` of `horizon` steps, and `seconds` of CPU for both.

    `smearing` is the mean of the exponentials of its residuals, which takes exp of a path to a mean (Duan 1983).
    """
    import numpy as np  # noqa: PLC0415 - of the other environment
    from statsforecast.models import AutoARIMA  # type: ignore[import-not-found]  # noqa: PLC0415

    values = np.array(series)
    started = time.process_time()
    model = AutoARIMA().fit(values)
    path = model.predict(horizon)["mean"].tolist()
    seconds = time.process_time() - started
    smearing = float(np.exp(np.clip(model.model_["residuals"], -3.0, 3.0)).mean())
    return {"path": path, "smearing": smearing, "seconds": seconds}


def main() -> None:
    """One answer per series; the first is fitted once before, so that loading does not count."""
    request = json.load(sys.stdin)
    series, horizon = request["series"], request["horizon"]
    fitted(series[0], horizon)
    json.dump([fitted(values, horizon) for values in series], sys.stdout)


if __name__ == "__main__":
    main()
