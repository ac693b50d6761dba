"""The command `tidecast`: the same commands as `python -m …`, one version, and a help that loads next to nothing."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tomllib

import click
import pytest
from click.testing import CliRunner

from commands.tidecast import cli, entries
from tests.conftest import ROOT
from tests.house.imports import MAY_IMPORT
from version import VERSION

#: Packages whose commands have a name in `tidecast`.
GROUPS = ("models", "optimizer", "producers", "state", "streams")
#: Each costs a tenth of a second of CPU or more; pydantic stands for the settings.
HEAVY = {
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "scipy",
    "numba",
    "rocksdict",
    "kafka",
    "faust",
    "flask",
    "yfinance",
    "torch",
}


def tidecast(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = "import sys; sys.argv[0] = 'tidecast'; from commands.tidecast import main; main()"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_every_command_of_the_packages_has_its_name_here() -> None:
    named = {entry.name: entry for entry in entries()}
    context = click.Context(cli)
    for package in GROUPS:
        module = importlib.import_module(f"{package}.__main__")
        group = next(value for value in vars(module).values() if isinstance(value, click.Group))
        for name in group.list_commands(context):
            assert name in named, f"`python -m {package} {name}` has no name in commands/tidecast.py"
            assert cli.get_command(context, name) is group.get_command(context, name)


def test_the_help_lists_every_command_and_the_version_is_one() -> None:
    listed = CliRunner().invoke(cli, ["--help"]).output
    assert all(f"  {entry.name} " in listed and entry.line in listed for entry in entries())
    assert CliRunner().invoke(cli, ["--version"]).output == f"tidecast {VERSION}\n"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "version.VERSION"}
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## [{VERSION}]" in changelog


def test_the_installation_has_every_package() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    installed = {name.removesuffix("*") for name in setuptools["packages"]["find"]["include"]} | set(setuptools["py-modules"])
    assert installed == set(MAY_IMPORT) - {"benchmarks"}


def test_the_image_has_every_package_but_the_trial_cluster() -> None:
    lines = re.findall(r"^COPY (.*) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    copied = {name.removesuffix(".py") for line in lines for name in line.split()}
    assert copied >= set(MAY_IMPORT) - {"benchmarks", "cluster"}


@pytest.mark.parametrize("command", ["", *(entry.name for entry in entries())])
def test_help_loads_neither_settings_nor_arrays(command: str) -> None:
    script = (
        "import sys\nfrom commands.tidecast import cli\n"
        f"try: cli({[*command.split(), '--help']!r})\n"
        f"finally: print(*sorted({HEAVY} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert "Usage:" in done.stdout


def test_names_are_completed_without_loading_the_commands() -> None:
    done = tidecast(_TIDECAST_COMPLETE="bash_complete", COMP_WORDS="tidecast re", COMP_CWORD="1")
    assert done.stdout.split() == ["plain,refresh-group", "plain,replica", "plain,rebuild", "plain,report"]


def test_a_command_runs_and_its_errors_are_those_of_its_long_form(tmp_path: os.PathLike[str]) -> None:
    schema = tidecast("schema", "bars")
    assert (schema.returncode, schema.stderr) == (0, "")
    assert '"ticker"' in schema.stdout
    missing = tidecast("forecasts", "--state", str(tmp_path))
    assert missing.returncode == 1
    assert missing.stderr.startswith("error: no state in ")
    assert tidecast("forecast").returncode == 2
