"""Whether a worker's page, its metrics, an alert's rule and `status` say that something is wrong."""

from __future__ import annotations

import datetime as dt
import itertools
import operator
import re
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import yaml
from prometheus_client.parser import text_string_to_metric_families

from streams.kafka.worker.status import gather
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster, Worker
from tests.kafka.worker.test_readiness import fetched, reasons
from tests.waiting import PATIENCE_SECONDS

#: A rule's first metric with at most one matcher, how it is compared, and the limit.
_RULE: Final = re.compile(r'(tidecast_\w+)(?:\{(\w+)(=~|=)"([^"]*)"\})?\) (>|==) (\d+)')
_COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {">": operator.gt, "==": operator.eq}


class Rule:
    """A rule of `docs/monitoring/rules.yml`, as far as the page of one worker can meet it."""

    def __init__(self, alert: str) -> None:
        content = yaml.safe_load((ROOT / "docs" / "monitoring" / "rules.yml").read_text(encoding="utf-8"))
        rule = next(rule for group in content["groups"] for rule in group["rules"] if rule["alert"] == alert)
        assert "for" not in rule, f"{alert} waits {rule['for']}: that has to be added"
        found = _RULE.search(rule["expr"])
        assert found, rule["expr"]
        self.metric, self._label, self._match, self._wanted, self._compared, self._limit = found.groups()

    def holds(self, worker: Worker) -> bool:
        """Whether one of the metric's samples on the worker's page meets it."""
        families = text_string_to_metric_families(fetched(worker, "metrics")[1].decode())
        samples = [sample for family in families for sample in family.samples if sample.name == self.metric]
        return any(
            _COMPARED[self._compared](sample.value, float(self._limit)) and self._matches(sample.labels) for sample in samples
        )

    def _matches(self, labels: dict[str, str]) -> bool:
        if self._label is None:
            return True
        pattern = self._wanted if self._match == "=~" else re.escape(self._wanted)
        return re.fullmatch(pattern, labels[self._label]) is not None


def status_codes(cluster: Cluster, **settings: Any) -> set[str]:
    """The reasons that `status` has, asked as its command asks."""
    return {reason.code for reason in gather(cluster.settings(**settings), now=dt.datetime.now(dt.UTC), ask_kafka=True).reasons}


class Seen(NamedTuple):
    """Seconds until each of these was red, and all reasons that `status` gave."""

    page: float
    alert: float
    status: float
    codes: frozenset[str]


def await_seen(worker: Worker, reason: str, rule: Rule, codes: Callable[[], set[str]], worsen: Callable[[int], None]) -> Seen:
    """Look twice a second, until the page has the reason, the rule holds, and `status` has any reason."""
    began = time.monotonic()
    seen: dict[str, float] = {}
    said: set[str] = set()

    def status() -> bool:
        said.update(codes())
        return bool(said)

    looks = {"page": lambda: reason in (reasons(worker) or {}), "alert": lambda: rule.holds(worker), "status": status}
    for turn in itertools.count():
        worsen(turn)
        for name in looks.keys() - seen.keys():
            if looks[name]():
                seen[name] = time.monotonic() - began
        if len(seen) == len(looks):
            return Seen(**seen, codes=frozenset(said | codes()))
        assert time.monotonic() - began < PATIENCE_SECONDS, f"not seen: {looks.keys() - seen.keys()}"
        time.sleep(0.5)
    raise AssertionError
