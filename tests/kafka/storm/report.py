"""The results of rounds, for people and as a line of JSON."""

from __future__ import annotations

import json
import os
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable

from tests.kafka.storm.rounds import Outcome


def table(outcomes: Iterable[Outcome]) -> str:
    """By kind of fault: the count, and the times until the worker was ready again."""
    faults, seconds, disturbed = _sums(outcomes)
    lines = [f"{'fault':<14}{'times':>6}{'measured':>10}{'median':>9}{'worst':>8}{'disturbed':>11}"]
    for kind in sorted(faults.keys() | seconds.keys()):
        taken = seconds.get(kind, [])
        times = f"{statistics.median(taken):>7.1f} s{max(taken):>6.1f} s" if taken else f"{'':>17}"
        lines.append(f"{kind:<14}{faults.get(kind, 0):>6}{len(taken):>10}{times}{disturbed.get(kind, 0):>11}")
    return "\n".join(lines)


def summary(outcomes: list[Outcome]) -> str:
    """One JSON object, so that the summaries of many runs can be added up."""
    faults, seconds, _ = _sums(outcomes)
    exits: Counter[str] = Counter()
    for outcome in outcomes:
        exits.update(outcome.exits)
    return json.dumps(
        {
            "rounds": len(outcomes),
            "seeds": [outcome.seed for outcome in outcomes],
            "faults": sum(faults.values()),
            "findings": sum(len(outcome.findings) for outcome in outcomes),
            "rounds_with_findings": [outcome.seed for outcome in outcomes if outcome.findings],
            "by_kind": dict(sorted(faults.items())),
            "recovery_seconds": {kind: [round(one, 2) for one in taken] for kind, taken in sorted(seconds.items())},
            "exit_codes": dict(sorted(exits.items())),
            "load_average": round(os.getloadavg()[2], 1),
        }
    )


def _sums(outcomes: Iterable[Outcome]) -> tuple[Counter[str], dict[str, list[float]], Counter[str]]:
    faults: Counter[str] = Counter()
    disturbed: Counter[str] = Counter()
    seconds: dict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        faults.update(outcome.faults)
        disturbed.update(outcome.disturbed)
        for kind, taken in outcome.seconds.items():
            seconds[kind] += taken
    return faults, seconds, disturbed
