"""`python -m producers publish`."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import click

from commands.console import load_settings, progress
from errors import SourceError
from producers.options import WantedBars, source_options

if TYPE_CHECKING:
    from records import BarBatch, RejectedBar

#: Some tickers could not be fetched; the others are published.
SOME_FAILED: Final = 3


@click.command()
@source_options
@click.option(
    "--since", type=click.Choice(["last"]), help="last: only from some sessions before what the topic has (yfinance)."
)
@click.option("--bootstrap", help="host:port of Kafka; KAFKA_BOOTSTRAP if left out.")
@click.option("--batch", "batch_bars", type=click.IntRange(min=1, max=10_080), help="Bars per message; 1 as a live day comes.")
@click.option("--resend", is_flag=True, help="Send what the topic holds already once more.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of the summary."
)
def publish(
    wanted: WantedBars,
    since: str | None,
    bootstrap: str | None,
    batch_bars: int | None,
    form: str,
    *,
    resend: bool,
) -> None:
    """Publish bars to Kafka. May be interrupted and started again: only what the topic lacks is sent.

    Exit code 0: every ticker's bars are there. 3: some tickers could not be fetched, the others are there. 1: nothing could be
    fetched, which the summary tells by ticker, or Kafka is away.
    """
    if since and (not wanted.source.is_live or wanted.start or resend):
        raise click.UsageError("--since last is for --source yfinance, and neither --start nor --resend goes with it")
    import msgspec

    from broker.topics import ensure_topics
    from producers.job_metrics import job_metrics
    from producers.job_summary import JobSummary, summary_lines
    from producers.publish import publish as publish_bars
    from producers.published import PublishedBars
    from producers.report import ValidationReport
    from producers.since import starts_since_last
    from producers.sources import canonical_tickers

    settings = load_settings(kafka_bootstrap=bootstrap, publish_batch_bars=batch_bars)
    with job_metrics(settings.job_metrics_file, wanted.source) as job:
        now = dt.datetime.now(dt.UTC)
        published = None
        starts: dict[str, dt.date] = {}
        if since:
            ensure_topics(settings)
            published = PublishedBars.read(settings)
            tickers = sorted(canonical_tickers(wanted.tickers) or ())
            starts = starts_since_last(tickers, published.last_dates(), settings.overlap_sessions)
        bars = wanted.read(settings, now=now, starts=starts)
        ensure_topics(settings)
        seen = ValidationReport()
        errors: list[SourceError] = []
        items = _until_error(seen.watch(bars) if wanted.source.is_live else bars, errors)
        with progress(bars.bars_total, "bars published") as advance:
            report = publish_bars(settings, items, resend=resend, published=published, report=job.report, advance=advance)
        seen.finish(bars.suspicions if wanted.source.is_live else (), bars.findings)
        job.suspect_bars = len(bars.suspicions)
        job.missing_sessions = sum(len(of_ticker.missing) for of_ticker in seen.tickers)
        summary = JobSummary(
            new=report.bars - report.changed,
            changed=report.changed,
            known=report.skipped,
            rejected=report.rejected,
            messages=report.messages,
            suspect=tuple(bars.suspicions),
            missing={of_ticker.ticker: of_ticker.missing for of_ticker in seen.tickers if of_ticker.missing},
            rejections=dict(report.reasons),
            failed=report.failed,
        )
        for line in bars.findings.lines():
            click.echo(line, err=True)
        if form == "json":
            click.echo(msgspec.json.encode(summary))
        else:
            click.echo("\n".join(summary_lines(summary)), err=True)
        if errors:
            raise errors[0]
        if summary.failed:
            sys.exit(SOME_FAILED)


def _until_error(items: Iterable[BarBatch | RejectedBar], errors: list[SourceError]) -> Iterator[BarBatch | RejectedBar]:
    """The items, up to an error of their source, which goes to `errors`: the summary with the reasons comes first."""
    try:
        yield from items
    except SourceError as error:
        errors.append(error)
