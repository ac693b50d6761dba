"""Bars from a source to the topic `bars`: one ticker per message, keyed by it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from broker.topics import BARS, topic_name
from monitoring.reason_class import rejection_class
from producers.delivery import Delivery, Message
from producers.published import PublishedBars
from producers.report import kind_of
from records import VALUE_COLUMNS, BarBatch, RejectedBar, encode_batch
from settings import Settings

_COLUMNS: Final = ("date", *VALUE_COLUMNS)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class PublishReport:
    """What became of a source's bars; `messages` and `bars` are acknowledged by the brokers.

    `changed` of the bars replace others of their dates; `skipped` were there already. `failed` says by ticker why there are
    none of its bars, `rejections` counts the refused bars by class of reason (`monitoring.reason_class`), `reasons` by
    the reason without the data in it.
    """

    messages: int = 0
    bars: int = 0
    changed: int = 0
    skipped: int = 0
    rejected: int = 0
    rejections: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)


def publish(
    settings: Settings,
    items: Iterable[BarBatch | RejectedBar],
    *,
    resend: bool = False,
    published: PublishedBars | None = None,
    report: PublishReport | None = None,
    advance: Callable[[int], object] = lambda _count: None,
) -> PublishReport:
    """Send every bar that the topic does not hold yet (every bar at all with `resend`); returns when all are acknowledged.

    The topics must exist. `published` is what the topic holds, if that is known already; `report` is
    filled and returned; `advance` gets the count of processed bars. Raises BrokerError.
    """
    report = report or PublishReport()
    if resend:
        published = PublishedBars()
    elif published is None:
        published = PublishedBars.read(settings)
    topic = topic_name(settings, BARS)
    with Delivery(settings) as delivery:
        for item in items:
            if isinstance(item, RejectedBar):
                if item.date:
                    report.rejected += 1
                    report.rejections[rejection_class(item.reason)] += 1
                    report.reasons[kind_of(item)] += 1
                else:
                    report.failed[item.ticker] = item.reason
                logger.warning("bar refused ticker=%s date=%s reason=%s", item.ticker, item.date, item.reason)
                continue
            missing = published.missing(item)
            report.skipped += len(item.date) - len(missing)
            report.changed += published.count_known(item, missing)
            for part in _parts(item, missing, settings.publish_batch_bars):
                delivery.send(Message(topic, part.ticker.encode(), encode_batch(part)))
                report.bars += len(part.date)
            advance(len(item.date))
        delivery.flush()
        report.messages = delivery.acknowledged
    return report


def _parts(batch: BarBatch, rows: Sequence[int], size: int) -> Iterator[BarBatch]:
    """The chosen rows of a batch, at most `size` per part."""
    if len(rows) == len(batch.date) <= size:
        if rows:
            yield batch
        return
    for start in range(0, len(rows), size):
        chosen = rows[start : start + size]
        columns = {name: [column[row] for row in chosen] for name in _COLUMNS if (column := getattr(batch, name)) is not None}
        yield msgspec.structs.replace(batch, **columns)
