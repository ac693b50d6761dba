"""Metrics by Prometheus' rules: one prefix, base units, no ticker in a label. Read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

PREFIX: Final = "tidecast_"
CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
#: Labels, in the order of the specification's, and the value.
Samples = Iterable[tuple[tuple[str, ...], float]]
Figures = TypeVar("Figures")


@dataclass(frozen=True, slots=True)
class Specification(Generic[Figures]):
    """A metric: its name without prefix (a counter's ends with `_total`), its labels, and where its values come from."""

    name: str
    help_text: str
    labels: tuple[str, ...]
    read: Callable[[Figures], Samples]


def plain(read: Callable[[Figures], float | None]) -> Callable[[Figures], Samples]:
    """One value without labels; none where `read` gives None."""

    def samples(figures: Figures) -> Samples:
        value = read(figures)
        return [] if value is None else [((), float(value))]

    return samples


def mapping(read: Callable[[Figures], Mapping[str, float]]) -> Callable[[Figures], Samples]:
    """A value by the label that is the mapping's key."""
    return lambda figures: [((key,), float(value)) for key, value in sorted(read(figures).items())]


class FiguresCollector(Collector, Generic[Figures]):
    """Makes the metrics of the figures that `read` gives, when a scrape asks for them: nothing is counted twice."""

    def __init__(self, specifications: Sequence[Specification[Figures]], read: Callable[[], Figures]) -> None:
        self._specifications = specifications
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client calls it."""
        figures = self._read()
        for metric in self._specifications:
            kind = CounterMetricFamily if metric.name.endswith("_total") else GaugeMetricFamily
            family = kind(PREFIX + metric.name.removesuffix("_total"), metric.help_text, labels=metric.labels)
            for labels, value in metric.read(figures):
                family.add_metric(labels, value)
            yield family

    def describe(self) -> list[Metric]:
        """Nothing: the figures are not there yet when this is registered."""
        return []


def registry_of(
    specifications: Sequence[Specification[Figures]], read: Callable[[], Figures], *, process: bool = True
) -> CollectorRegistry:
    """A registry of these figures and, with `process`, of this process (CPU, memory, descriptors)."""
    registry = CollectorRegistry()
    registry.register(FiguresCollector(specifications, read))
    if process:
        ProcessCollector(registry=registry)
    return registry


def metrics_text(registry: CollectorRegistry) -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(registry)
