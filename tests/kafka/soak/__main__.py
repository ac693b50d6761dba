"""`python -m tests.kafka.soak`: a long run under load and faults, compared and measured."""

from __future__ import annotations

import datetime as dt
import json
import signal
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import click

from broker.local.start import local_broker
from settings import load_settings
from tests.kafka.soak.sampling import Sampler
from tests.kafka.soak.script import soak_plan
from tests.kafka.soak.verdict import judge, table
from tests.kafka.storm.rounds import Round


@click.command()
@click.option("--minutes", type=click.FloatRange(min=1.0), default=20.0, show_default=True, help="Minutes of load and faults.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the market and of its messages.")
@click.option("--patience", type=float, default=180.0, show_default=True, help="Seconds after which everything must be right.")
def main(*, minutes: float, seed: int, patience: float) -> None:
    """A broker, two workers, a replica, the service, producers and readers; exits with 1 if anything is wrong or grows."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends all processes on the way out
    plan = soak_plan(seed, today=dt.datetime.now(dt.UTC).date(), seconds=minutes * 60)
    sampler = Sampler()
    with ThreadPoolExecutor(max_workers=1) as thread, local_broker(load_settings()) as (_, broker):
        if broker is None:
            raise click.UsageError("KAFKA_BOOTSTRAP names a broker that is not ours to kill; leave it unset")
        one = Round(plan, broker, thread, patience=patience, say=_say, beside=sampler.beside)
        try:
            one.run()
        except Exception as error:  # noqa: BLE001 - what was measured until then is printed, whatever failed
            traceback.print_exc()
            one.outcome.findings.append(f"the round itself failed: {type(error).__name__}: {error}")
    findings = one.outcome.findings
    rows = judge(sampler.samples, messages=len(plan.deliveries), answers=sampler.answers)
    click.echo(table(rows))
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(one.outcome.faults.items()))
    click.echo(f"{len(plan.deliveries)} messages, faults: {faults}")
    click.echo(f"HTTP: {sampler.answers} answers, {len(sampler.failures)} failures")
    for line in [*findings, *(f"HTTP: {line}" for line in sampler.failures)]:
        click.echo(f"FINDING {line}")
    grown = [row.name for row in rows if row.problems]
    wrong = bool(findings or sampler.failures or not sampler.answers)
    click.echo(f"state: {'wrong' if findings else 'right to the byte'}; processes: {_named(grown)}")
    memory = {row.name: row.memory_by_tenths for row in rows if row.judged}
    result = {"minutes": minutes, "seed": seed, "findings": len(findings), "grown": grown, "memory_mb_by_tenths": memory}
    click.echo(json.dumps(result))
    if findings:
        click.echo(f"logs: {one.outcome.folder}")
    sys.exit(wrong or bool(grown))


def _named(grown: Sequence[str]) -> str:
    return f"not flat: {', '.join(grown)}" if grown else "flat"


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()
