"""`python -m producers publish`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from console import progress
from producers.options import source_options
from producers.sources import read_source
from producers.yahoo import Yahoo
from settings import load_settings


@click.command()
@source_options
@click.option("--bootstrap", help="host:port of Kafka; KAFKA_BOOTSTRAP if left out.")
@click.option("--batch", "batch_bars", type=click.IntRange(min=1, max=10_080), help="Bars per message; 1 as a live day comes.")
@click.option("--resend", is_flag=True, help="Send what the topic holds already once more.")
def publish(
    source: str,
    path: Path | None,
    tickers: list[str] | None,
    start: dt.date | None,
    end: dt.date | None,
    bootstrap: str | None,
    batch_bars: int | None,
    *,
    resend: bool,
) -> None:
    """Publish bars to Kafka. May be interrupted and started again: only what the topic lacks is sent."""
    from broker.topics import ensure_topics  # noqa: PLC0415 - Kafka's client is for this command alone
    from producers.publish import publish as publish_bars  # noqa: PLC0415

    settings = load_settings(kafka_bootstrap=bootstrap, publish_batch_bars=batch_bars)
    now = dt.datetime.now(dt.UTC)
    bars = read_source(
        source, path=path, tickers=tickers, start=start, end=end, today=now.date(), yahoo=Yahoo.of(settings, now=now)
    )
    ensure_topics(settings)
    with progress(bars.bars_total, "bars published") as advance:
        report = publish_bars(settings, bars, resend=resend, advance=advance)
    click.echo(
        f"{report.bars:,} bars in {report.messages:,} messages; {report.skipped:,} were there already, "
        f"{report.rejected:,} refused",
        err=True,
    )
