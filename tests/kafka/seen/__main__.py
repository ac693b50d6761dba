"""`python -m tests.kafka.seen`: a table of faults, and after how many seconds each is seen by what."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import click

from broker.local.start import local_broker
from settings import load_settings
from tests.kafka.cluster import Cluster
from tests.kafka.seen.cases import CASES, Case, mended
from tests.kafka.seen.watch import Rule, Seen, await_seen, status_codes
from tests.kafka.worker.test_readiness import reasons
from tests.waiting import until


@click.command()
@click.option("--only", help="Cases whose name contains this.")
def main(only: str | None) -> None:
    """Cause each fault in a cluster of its own; print the seconds until it is seen, as a Markdown table."""
    click.echo("| fault | page of a worker | alert | `status` |\n|---|---|---|---|")
    for case in CASES:
        if only is None or only in case.name:
            seen = _tried(case)
            codes = ", ".join(f"`{code}`" for code in sorted(seen.codes))
            page, alert = f"`{case.reason}` after {seen.page:.0f} s", f"{case.alert} after {seen.alert:.0f} s"
            click.echo(f"| {case.name} | {page} | {alert} | {codes} after {seen.status:.0f} s |")


def _tried(case: Case) -> Seen:
    with local_broker(load_settings()) as (bootstrap, broker), tempfile.TemporaryDirectory() as folder:
        if broker is None:
            raise click.UsageError("KAFKA_BOOTSTRAP names a broker that is not ours to kill; leave it unset")
        with Cluster(bootstrap=bootstrap, folder=Path(folder), prefix="seen-") as cluster:
            worker, rule = cluster.start("w1", program=case.program, **case.environment), Rule(case.alert)
            if case.program == ("streams", "worker"):
                cluster.start("w2", **case.environment)
            codes = partial(status_codes, cluster, **{name.lower(): value for name, value in case.environment.items()})
            # Green before: with all workers in the group, and partitions dealt.
            until(lambda: all(reasons(each) == {} for each in cluster.workers), cluster.logs)
            until(lambda: all(each.page().get("partitions") for each in cluster.workers), cluster.logs)
            if case.program == ("streams", "worker"):
                until(lambda: not codes(), cluster.logs)
            cast = cluster, worker, broker
            with mended(cast):
                case.begin(cast)
                return await_seen(worker, case.reason, rule, codes, partial(case.worsen, cast))


if __name__ == "__main__":
    main()
