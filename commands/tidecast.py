"""The command `tidecast`: the project's commands under short names. `python -m streams run` is `tidecast run`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import click
from click.shell_completion import CompletionItem

from commands import startup
from commands.console import LazyCommands, run_cli
from version import VERSION


class Entry(NamedTuple):
    """A command: its name here, its place as `module:attribute`, and a line for the list."""

    name: str
    place: str
    line: str


#: By section of `tidecast --help`. The lines stand here, since to read them in the commands would load every library.
ENTRIES: Final = {
    "Forecasts and portfolios": (
        Entry("run", "streams.run_command:run", "Take bars through the whole pipeline, without Kafka."),
        Entry("forecasts", "state.__main__:forecasts", "Print or export the forecast table."),
        Entry("history", "state.__main__:history", "Print the bars of a ticker."),
        Entry("explain", "state.explain_command:explain_forecast", "Print why a forecast is what it is, as arithmetic."),
        Entry("allocate", "optimizer.__main__:allocate", "Print a portfolio."),
        Entry("serve", "optimizer.__main__:serve", "Serve forecasts and portfolios over HTTP."),
    ),
    "Bars": (
        Entry("check", "producers.__main__:check", "Validate bars without using them."),
        Entry("forms", "producers.__main__:forms", "Print the page of all forms of files that are read."),
        Entry("publish", "producers.publish_command:publish", "Publish bars to Kafka."),
        Entry("schema", "producers.__main__:schema", "Print the JSON Schema of a message or of a row."),
        Entry("refresh-group", "optimizer.__main__:refresh_group", "Update the members of a ticker group."),
    ),
    "On Kafka": (
        Entry("worker", "streams.worker_command:worker", "Keep the forecasts of some partitions fresh."),
        Entry("status", "streams.status_command:status", "Print what works and what does not."),
        Entry("replica", "state.replica_command:replica", "Copy the workers' tables to this host."),
        Entry("rebuild", "streams.worker_command:rebuild", "Delete all tables; workers derive them from the bars."),
        Entry("cluster", "cluster.__main__:cli", "Run a broker, workers, a producer and the HTTP service here."),
    ),
    "Measuring": (
        Entry("evaluate", "evaluation.evaluate_command:evaluate", "Judge forecasts walk-forward over a file of bars."),
        Entry("backtest", "backtest.backtest_command:backtest", "Judge portfolios walk-forward, with costs."),
        Entry("report", "review.report_command:report", "Judge the forecasts that were served by what came."),
        Entry("pretrain", "models.pretraining.pretrain_command:pretrain", "Fit the market model over many tickers."),
    ),
}
#: They load libraries for seconds and call `startup.loaded` themselves; until then Ctrl-C ends them silently.
_SLOW_TO_START: Final = frozenset({"run", "worker", "rebuild", "evaluate", "backtest", "pretrain", "report"})


def entries() -> Iterator[Entry]:
    """All commands, section by section."""
    for section in ENTRIES.values():
        yield from section


class _Tidecast(LazyCommands):
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as click calls it
        for section, members in ENTRIES.items():
            with formatter.section(section):
                formatter.write_dl([(entry.name, entry.line) for entry in members])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(entry.name, help=entry.line) for entry in entries() if entry.name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if cmd_name not in _SLOW_TO_START:
            startup.loaded()
        return command


@click.group(
    cls=_Tidecast,
    places={entry.name: entry.place for entry in entries()},
    epilog="Options of a command: `tidecast COMMAND --help`. Settings: docs/reference/settings.md.",
)
@click.version_option(VERSION, prog_name="tidecast", message="%(prog)s %(version)s")
def cli() -> None:
    """Forecast returns and volatilities from daily bars, and make portfolios of them."""


def main() -> None:
    """The entry point of the installed command."""
    startup.begin()
    run_cli(cli)


if __name__ == "__main__":
    main()
