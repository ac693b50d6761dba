"""`python -m benchmarks [NAME …]`: one JSON line per figure."""

from __future__ import annotations

from streams import startup

if __name__ == "__main__":
    startup.begin()

import json

import click

from console import run_cli


@click.command()
@click.argument("names", nargs=-1)
def cli(names: tuple[str, ...]) -> None:
    """Measure speed and memory as ratios, side by side; NAMES: corrections, features, ingest, training, lookup."""
    from benchmarks import corrections, features, ingest, lookup, training

    modules = {"corrections": corrections, "features": features, "ingest": ingest, "lookup": lookup, "training": training}
    unknown = set(names) - set(modules)
    if unknown:
        raise click.BadParameter(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(modules)}")
    for name in names or modules:
        for row in modules[name].run():
            click.echo(json.dumps(row))


if __name__ == "__main__":
    startup.loaded()
    run_cli(cli)
