"""The walks of a bar and of a row follow files that exist, forward only; and no file is too long to be one idea."""

from __future__ import annotations

import re
import statistics
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.house.imports import MAY_IMPORT

LARGEST, MEDIAN = 300, 110


def walk(title: str) -> list[str]:
    """The file of each step of a walk."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\|[^|]*\| `([a-z_/]+\.py)` \|", section, re.MULTILINE)


@pytest.mark.parametrize("title", ["A bar's way", "A row's way"])
def test_a_walk_goes_forward_through_files_that_exist(title: str) -> None:
    files = walk(title)
    assert len(files) >= 20
    assert len(set(files)) == len(files)
    assert [name for name in files if not (ROOT / name).is_file()] == []
    packages = [name.split("/")[0] for name in files]
    left = [former for former, later in pairwise(packages) if former != later]
    assert len(left) == len(set(packages)) - 1, f"a step goes back to an earlier package: {packages}"


def test_files_that_the_page_names_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = {
        name
        for name in re.findall(r"`([a-z_]+/[a-z_/]+(?:\.py)?)/?`", page)
        if name.split("/")[0] in {*MAY_IMPORT, "tests", "docs"}
    }
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def tracked() -> dict[Path, int]:
    """Lines of each Python file, by its place."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    paths = [Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()]
    return {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in paths}


def test_a_file_is_one_idea() -> None:
    lines = tracked()
    assert len(lines) > 300
    assert {str(path): count for path, count in lines.items() if count > LARGEST} == {}
    production = [count for path, count in lines.items() if path.parts[0] in MAY_IMPORT or len(path.parts) == 1]
    assert statistics.median(production) <= MEDIAN
