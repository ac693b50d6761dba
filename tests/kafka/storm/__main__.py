"""`python -m tests.kafka.storm`: rounds of faults, each with the next seed."""

from __future__ import annotations

import datetime as dt
import signal
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import click

from broker.local.start import local_broker
from settings import load_settings
from tests.kafka.storm.plan import WEIGHTS, draw_plan
from tests.kafka.storm.report import summary, table
from tests.kafka.storm.rounds import Outcome, Round

#: The most findings of a round that are printed.
_MOST_LINES = 30


class Span(click.ParamType):
    """Two numbers, as 5-15, or a number for both."""

    name = "LOW-HIGH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        low, _, high = str(value).partition("-")
        try:
            found = float(low), float(high or low)
        except ValueError:
            self.fail(f"{value!r} is not like 5-15", param, ctx)
        if not 0 < found[0] <= found[1]:
            self.fail(f"{value!r} is not a span", param, ctx)
        return found


@click.command()
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the first round; each round adds 1.")
@click.option("--minutes", type=float, default=5.0, show_default=True, help="No round begins after this time.")
@click.option("--rounds", type=int, help="Number of rounds, whatever time they take.")
@click.option("--workers", type=Span(), default="1-3", show_default=True, help="Number of workers at a time.")
@click.option("--seconds", type=float, default=75.0, show_default=True, help="Seconds of faults and bars in each round.")
@click.option("--every", type=Span(), default="5-15", show_default=True, help="Seconds between two faults.")
@click.option("--patience", type=float, default=180.0, show_default=True, help="Seconds after which everything must be right.")
@click.option("--only", help="Kinds of faults, comma-separated; `none` for no faults.")
@click.option("--without", help="Excluded kinds of faults, comma-separated.")
@click.option("--no-transactions", is_flag=True, help="Send without transactions.")
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="Day of the newest bars; today by default.")
def main(
    *,
    seed: int,
    minutes: float,
    rounds: int | None,
    workers: tuple[float, float],
    seconds: float,
    every: tuple[float, float],
    patience: float,
    only: str | None,
    without: str | None,
    no_transactions: bool,
    today: dt.datetime | None,
) -> None:
    """Faults of every kind over a cluster on this machine. Exits with 1 if anything is wrong afterwards."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends all processes on the way out
    kinds = _kinds(only, without)
    day = (today or dt.datetime.now(dt.UTC)).date()
    began = time.monotonic()
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(max_workers=1) as thread, local_broker(load_settings()) as (_, broker):
        if broker is None:
            raise click.UsageError("KAFKA_BOOTSTRAP names a broker that is not ours to kill; leave it unset")
        while len(outcomes) < rounds if rounds is not None else time.monotonic() - began < minutes * 60 or not outcomes:
            plan = draw_plan(
                seed + len(outcomes),
                today=day,
                seconds=seconds,
                workers=(int(workers[0]), int(workers[1])),
                every=every,
                kinds=kinds,
                transactions=not no_transactions,
            )
            one = Round(plan, broker, thread, patience=patience, say=_say)
            try:
                one.run()
            except Exception as error:  # noqa: BLE001 - rounds go on for hours: this one is a finding, of whatever kind
                traceback.print_exc()
                one.outcome.findings.append(f"the round itself failed: {type(error).__name__}: {error}")
            outcome = one.outcome
            outcomes.append(outcome)
            again = " ".join(
                f"--{name} {value}"
                for name, value in (
                    ("seconds", f"{seconds:g}"),
                    ("workers", _span(workers)),
                    ("every", _span(every)),
                    ("only", only),
                    ("without", without),
                )
                if value
            )
            again += " --no-transactions" if no_transactions else ""
            command = f"python -m tests.kafka.storm --seed {plan.seed} --rounds 1 --today {day} {again}"
            for line in outcome.findings[:_MOST_LINES]:
                click.echo(f"FINDING seed={plan.seed} {line}")
            if outcome.findings:
                (outcome.folder / "findings.txt").write_text("\n".join(outcome.findings) + "\n")
                click.echo(f"{len(outcome.findings)} findings, all of them in {outcome.folder / 'findings.txt'}")
                click.echo(f"logs: {outcome.folder}   again: {command}")
    click.echo(table(outcomes))
    click.echo(summary(outcomes))
    sys.exit(any(outcome.findings for outcome in outcomes))


def _kinds(only: str | None, without: str | None) -> dict[str, float]:
    chosen = [] if only == "none" else list(WEIGHTS) if only is None else only.split(",")
    left_out = without.split(",") if without else []
    unknown = sorted({*chosen, *left_out} - WEIGHTS.keys())
    if unknown:
        raise click.UsageError(f"no kind of fault: {', '.join(unknown)}; there are {', '.join(WEIGHTS)}")
    return {kind: weight for kind, weight in WEIGHTS.items() if kind in chosen and kind not in left_out}


def _span(span: tuple[float, float]) -> str:
    return f"{span[0]:g}-{span[1]:g}"


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()
