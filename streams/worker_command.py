"""`python -m streams worker` and `rebuild`."""

from __future__ import annotations

from pathlib import Path

import click

from commands import startup
from commands.console import load_settings
from commands.paths import NamedPath


@click.command()
@click.option("--state", type=NamedPath(), help="State folder; STATE_DIR, or var, if left out.")
@click.option("--bootstrap", help="host:port of Kafka; KAFKA_BOOTSTRAP if left out.")
@click.option("--id", "worker_id", help="Name of this worker, the same after a restart; WORKER_ID, or the host's, if left out.")
@click.option("--jobs", type=click.IntRange(min=1), help="Training processes; JOBS, or one per usable core, if left out.")
def worker(state: Path | None, bootstrap: str | None, worker_id: str | None, jobs: int | None) -> None:
    """Take bars from Kafka and keep forecasts fresh, until Ctrl-C or SIGTERM. Start at most as many as there are partitions."""
    startup.stop_quietly()
    with startup.without("scipy", "cffi"), startup.uncollected():
        from streams.kafka.worker.process import run_worker

    run_worker(load_settings(state_dir=state, kafka_bootstrap=bootstrap, worker_id=worker_id, jobs=jobs))


@click.command()
@click.option("--state", type=NamedPath(), help="State folder; STATE_DIR, or var, if left out.")
@click.option("--bootstrap", help="host:port of Kafka; KAFKA_BOOTSTRAP if left out.")
def rebuild(state: Path | None, bootstrap: str | None) -> None:
    """Delete everything but the bars, here and in Kafka: workers that start later derive it all again.

    They must have the forecast settings and the version of this command. It may be interrupted and run again; no worker starts
    before it has ended.
    """
    from broker.deployment.reset import reset_workers
    from broker.topics import ensure_topics
    from streams.kafka.worker.admission import own_deployment
    from streams.kafka.worker.folder import forget_tables

    settings = load_settings(state_dir=state, kafka_bootstrap=bootstrap)
    # First, so that nothing is deleted while Kafka is away: copies must not outlive their changelogs.
    ensure_topics(settings)
    forget_tables(settings)
    deployment = reset_workers(settings, own_deployment(settings))
    click.echo(
        f"deleted (incarnation {deployment.incarnation} begins); `python -m streams worker` now reads all bars again",
        err=True,
    )
