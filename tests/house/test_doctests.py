"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.house.imports import MAY_IMPORT


def _with_examples() -> list[Path]:
    files = [
        path
        for name in MAY_IMPORT
        for path in ([ROOT / f"{name}.py"] if (ROOT / f"{name}.py").exists() else (ROOT / name).rglob("*.py"))
    ]
    return sorted(path.relative_to(ROOT) for path in files if ">>>" in path.read_text(encoding="utf-8"))


def test_there_are_examples():
    assert len(_with_examples()) >= 5


@pytest.mark.parametrize("path", _with_examples(), ids=str)
def test_the_examples_of_a_module_are_true(path: Path):
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0
    assert results.failed == 0
