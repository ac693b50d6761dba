"""Commands around market data: `python -m producers --help`."""

from __future__ import annotations

import datetime as dt
import sys

import click

from commands.console import load_settings, progress, run_cli
from producers.options import WantedBars, source_options
from producers.publish_command import publish


@click.group()
def cli() -> None:
    """Market data: check it, publish it, and the schemas of what is published."""


@cli.command()
@source_options
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="Rejected bars to list.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def check(
    wanted: WantedBars,
    limit: int,
    form: str,
) -> None:
    """Validate bars without using them, and look for suspect bars and gaps; exit code 1 if any bar is rejected."""
    from producers.report import ValidationReport, report_json, report_lines

    bars = wanted.read(load_settings(), now=dt.datetime.now(dt.UTC))
    report = ValidationReport()
    try:
        with progress(bars.bars_total, "bars checked") as advance:
            for item in bars:
                advance(report.add(item))
    finally:  # a source without one good bar ends in an error, and the reasons are needed then
        report.finish(bars.suspicions, bars.findings)
        if report.tickers or bars.findings.passed_over:
            click.echo(report_json(report) if form == "json" else "\n".join(report_lines(report, limit=limit)))
    sys.exit(1 if report.rejected else 0)


@cli.command()
@click.argument("name", type=click.Choice(["bars", "forecast"]), default="bars")
def schema(name: str) -> None:
    """Print the JSON Schema of a message on the topic `bars`, or of a forecast row."""
    import msgspec

    from records.schemas import SCHEMAS

    click.echo(msgspec.json.format(msgspec.json.encode(SCHEMAS[name]())).decode())


@cli.command()
def forms() -> None:
    """Print the page of all forms of files that are read, docs/forms.md, with an example of each."""
    from producers.forms_page import forms_page

    click.echo(forms_page(), nl=False)


cli.add_command(publish)


if __name__ == "__main__":
    run_cli(cli)
