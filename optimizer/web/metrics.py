"""The log of requests, and the figures for Prometheus."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from monitoring.exposition import PREFIX, FiguresCollector, Specification
from optimizer.provider import OUTCOMES

logger = logging.getLogger("optimizer.access")

Figures = TypeVar("Figures")

_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 30.0)


class Metrics:
    """The figures of one application; each has its own registry, so that several may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(PREFIX + "http_requests", "Answers", ["method", "route", "status"], registry=self.registry)
        self.seconds = Histogram(
            PREFIX + "http_request_seconds",
            "From the request to the whole answer",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.optimizations = Counter(PREFIX + "optimizations", "Optimizations ended", ["outcome"], registry=self.registry)
        self.optimization_seconds = Histogram(
            PREFIX + "optimization_seconds", "Of one optimization", buckets=_SECONDS, registry=self.registry
        )
        self.estimates = Counter(
            PREFIX + "optimization_estimates", "Tickers optimized over", ["source"], registry=self.registry
        )
        self.running = Gauge(PREFIX + "optimizations_running", "Optimizations under way", registry=self.registry)
        self.streams = Gauge(PREFIX + "progress_streams", "Progress streams held", registry=self.registry)
        self.provider_calls = Counter(
            PREFIX + "provider_calls", "Questions to the provider of prices", ["outcome"], registry=self.registry
        )
        self.provider_seconds = Histogram(
            PREFIX + "provider_call_seconds", "Of one question to the provider", buckets=_SECONDS, registry=self.registry
        )
        # Prometheus sees no increase in a counter that appears with its first count.
        for counter, outcomes in ((self.provider_calls, OUTCOMES), (self.optimizations, ("done", "refused", "failed"))):
            for outcome in outcomes:
                counter.labels(outcome)

    def count_provider_call(self, outcome: str, seconds: float) -> None:
        """One question to the provider of prices has ended."""
        self.provider_calls.labels(outcome).inc()
        self.provider_seconds.observe(seconds)

    def watch(self, specifications: Sequence[Specification[Figures]], read: Callable[[], Figures]) -> None:
        """Metrics of figures that are read when a scrape asks for them."""
        self.registry.register(FiguresCollector(specifications, read))

    def page(self) -> Response:
        """All figures in Prometheus' text format."""
        return Response(generate_latest(self.registry), content_type=CONTENT_TYPE_LATEST)


def register_request_figures(app: Flask, metrics: Metrics) -> None:
    """Log and count every answer when its last byte is handed over; a stream at its end, with its whole duration."""

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        started = g.get("started", time.perf_counter())
        method, path, peer = request.method, request.path, request.remote_addr
        route = request.url_rule.rule if request.url_rule else "none"
        status, size = response.status_code, response.content_length

        def closed() -> None:
            seconds = time.perf_counter() - started
            metrics.requests.labels(method if method in _METHODS else "other", route, status).inc()
            metrics.seconds.labels(route).observe(seconds)
            logger.info(
                "access method=%s path=%s status=%d bytes=%s ms=%.1f peer=%s",
                method[:10], path[:200], status, size, seconds * 1e3, peer,
            )  # fmt: skip

        response.call_on_close(closed)
        return response


_METHODS: Final = frozenset({"GET", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH"})
