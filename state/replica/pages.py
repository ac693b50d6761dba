"""The pages of a replica: alive, ready, figures, metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from commands.pages import Page
from monitoring.exposition import CONTENT_TYPE, metrics_text, registry_of
from monitoring.replica import REPLICA_METRICS
from state.replica.watch import ReplicaWatch


def replica_pages(watch: ReplicaWatch) -> Mapping[str, Callable[[], Page]]:
    """The pages by path."""
    registry = registry_of(REPLICA_METRICS, watch.figures)

    def ready() -> Page:
        reasons = watch.figures().reasons
        return _json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    return {
        "/healthz": lambda: _json({"status": "alive"}),
        "/readyz": ready,
        "/figures": lambda: _json(watch.figures()),
        "/metrics": lambda: Page(200, CONTENT_TYPE, metrics_text(registry)),
    }


def _json(content: object, status: int = 200) -> Page:
    return Page(status, "application/json", msgspec.json.encode(content))
