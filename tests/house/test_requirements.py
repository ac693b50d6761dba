"""Requirements: named by hand where they are imported, compiled from that, and nothing imported that is not named."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.conftest import ROOT
from tests.house.imports import MAY_IMPORT


def pins(name: str) -> dict[str, str]:
    """Package → version, as a list names them."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;#]+)", text, flags=re.MULTILINE))


def imported(*folders: str) -> set[str]:
    """Top-level names of other people's packages that these folders import, by any statement."""
    names: set[str] = set()
    for folder in folders:
        for path in [ROOT / f"{folder}.py"] if (ROOT / f"{folder}.py").exists() else (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    names.add((node.module or "").split(".")[0])
    return names - set(sys.stdlib_module_names) - set(MAY_IMPORT) - {"tests"}


@pytest.mark.parametrize(
    ("direct", "compiled"), [("requirements.txt", "requirements.lock"), ("requirements-dev.txt", "requirements-dev.lock")]
)
def test_the_compiled_lists_follow_the_direct_ones(direct, compiled):
    assert pins(direct).items() <= pins(compiled).items(), "make lock"


def test_both_compiled_lists_agree():
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items(), "make lock"


def test_what_is_imported_is_named():
    of_purposes = ("requirements-pretrain.txt", "requirements-torch.txt", "benchmarks/requirements-statsforecast.txt")
    lists = ("requirements.txt", "requirements-dev.txt", *of_purposes)
    named = {re.sub(r"[-_.]+", "-", package).lower() for name in lists for package in pins(name)}
    distributions = packages_distributions()
    for name in sorted(imported(*MAY_IMPORT, "tests")):
        provided_by = {re.sub(r"[-_.]+", "-", package).lower() for package in distributions.get(name, [name])}
        assert provided_by & named, f"{name} is imported, but none of {sorted(provided_by)} is in {', '.join(lists)}"


def test_what_runs_needs_nothing_that_only_fits_draws_or_compares():
    """The image has requirements.txt alone: torch, XGBoost and scikit-learn fit the market model elsewhere.

    statsforecast has an environment of its own, in which it runs one script (`evaluation.autoarima`).
    """
    elsewhere = {"torch", "xgboost", "sklearn", "matplotlib", "arch", "statsforecast"}
    named = {re.sub(r"[-_.]+", "-", package).lower() for package in pins("requirements.txt")}
    distributions = packages_distributions()
    for name in sorted(imported(*(set(MAY_IMPORT) - {"benchmarks"})) - elsewhere):
        assert {re.sub(r"[-_.]+", "-", package).lower() for package in distributions.get(name, [name])} & named, name
    assert not {"torch", "xgboost", "scikit-learn", "matplotlib", "arch", "statsforecast"} & named
