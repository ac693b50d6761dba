"""docs/contributing.md leads to a new model: a test follows its steps in a copy of the project and runs the contract suite."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.house.readme import copied
from tests.waiting import PATIENCE_SECONDS

SUITE = "tests/models/candidates/test_contract.py"
#: A step: the file that it names, the kind of its block, the block.
STEP = re.compile(r"^\d\. [^\n]*?`([a-z_/]+\.py)`:\n\n   ```(python|diff)\n(.*?)^   ```", re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    page = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
    return page.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def follow(project: Path, steps: list[tuple[str, str, str]]) -> None:
    for name, kind, block in steps:
        path = project / name
        text = textwrap.dedent(block)
        path.write_text(text if kind == "python" else patched(path.read_text(encoding="utf-8"), text), encoding="utf-8")


def patched(source: str, diff: str) -> str:
    """The source after a short diff without line numbers; its lines may be parts of the source's."""
    lines = diff.splitlines()
    before = [line[1:] for line in lines if line[0] in " -"]
    assert all(source.count(line) == 1 for line in before), f"the page shows other lines than the code has: {before}"
    for at, line in enumerate(lines):
        if line[0] != "+":
            continue
        former = lines[at - 1] if at else None
        if former is not None and former[0] == "-":
            source = source.replace(former[1:], line[1:])
        elif former is not None:
            source = source.replace(former[1:], f"{former[1:]}\n{line[1:]}")
        else:
            following = lines[at + 1][1:]
            source = source.replace(following, f"{line[1:]}\n{following}")
    return source


def test_the_page_names_three_files_for_a_model() -> None:
    assert [name for name, _, _ in STEP.findall(section("A new model"))] == [
        "models/candidates/ewma.py", "settings/choices.py", "models/candidates/registry.py",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_model_as_the_page_adds_it_passes_the_contract_suite(tmp_path: Path) -> None:
    project = copied(tmp_path / "project")
    follow(project, STEP.findall(section("A new model")))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", SUITE, "-k", "ewma"],
        cwd=project, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert int(re.findall(r"(\d+) passed", ran.stdout)[0]) >= 10
    assert "failed" not in ran.stdout


def test_files_that_the_page_names_exist() -> None:
    page = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+/[a-z_/]+(?:\.py)?)`", page)) - {"models/candidates/ewma.py"}
    assert not [name for name in named if not (ROOT / name).exists()]
