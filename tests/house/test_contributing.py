"""docs/contributing.md leads to a new model, feature, source and field of the row: a copy of the project follows its steps."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from records import encode_forecast
from tests.conftest import ROOT
from tests.house.readme import copied
from tests.made.rows import forecast
from tests.waiting import PATIENCE_SECONDS

SUITE = "tests/models/candidates/test_contract.py"
FEATURES = "tests/history/test_features.py"
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


FILES = {
    "A new model": ["models/candidates/ewma.py", "settings/candidates.py"],
    "A new feature": ["history/features.py", "history/feature_kernel.py", "tests/history/oracle.py"],
    "A new source": ["producers/simulated.py", "producers/source_name.py"],
    "A new field of the row": ["records/forecast.py", "models/serving.py"],
}
#: A row made by the changed code, decoded again, beside a row of the unchanged code, and both as CSV.
ROWS = """
import sys
from models.serving import make_forecast
from records import decode_forecast, encode_forecast
from state.export import rows_to_csv, rows_to_parquet
from tests.models.windows import simulated_columns, window_of_columns
window = window_of_columns("A", *simulated_columns(100))
made = make_forecast(window, None, horizon=21, settings_hash="0", minimum_bars=504)
known = decode_forecast(open(sys.argv[1], "rb").read())
assert made.first_bar is not None and known.first_bar is None
assert decode_forecast(encode_forecast(made)) == made
rows_to_parquet([made, known])
print(rows_to_csv([made, known]).decode())
"""


@pytest.mark.parametrize("title", FILES)
def test_the_page_names_these_files_and_counts_them(title: str) -> None:
    assert [name for name, _, _ in STEP.findall(section(title))] == FILES[title]
    production = [name for name in FILES[title] if not name.startswith("tests/")]
    anchor = title.lower().replace(" ", "-")
    row = re.search(rf"^\| \[[^]]+\]\(#{anchor}\) \| (\d):.* \| (\w+):", section("What a change touches"), re.MULTILINE)
    assert row is not None
    assert int(row[1]) == len(production)
    assert row[2] == (str(len(FILES[title]) - len(production)) if len(production) < len(FILES[title]) else "nothing")


def followed(tmp_path: Path, title: str) -> Path:
    project = copied(tmp_path / "project")
    follow(project, STEP.findall(section(title)))
    return project


def python(project: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=project, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
    return ran.stdout


@pytest.mark.slow
def test_a_model_as_the_page_adds_it_passes_the_contract_suite(tmp_path: Path) -> None:
    project = followed(tmp_path, "A new model")
    printed = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", SUITE, "-k", "ewma")
    assert int(re.findall(r"(\d+) passed", printed)[0]) >= 10
    assert "failed" not in printed


@pytest.mark.slow
def test_a_feature_as_the_page_adds_it_equals_its_oracle(tmp_path: Path) -> None:
    project = followed(tmp_path, "A new feature")
    names = ("equal_the_oracle", "keep_their_lookback")
    printed = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", FEATURES, "-k", " or ".join(names))
    assert int(re.findall(r"(\d+) passed", printed)[0]) >= 3
    assert "intraday_return" in python(project, "-c", "from history.features import FEATURE_NAMES; print(FEATURE_NAMES)")


@pytest.mark.slow
def test_a_source_as_the_page_adds_it_is_read_by_every_command(tmp_path: Path) -> None:
    project = followed(tmp_path, "A new source")
    table = python(project, "-m", "producers", "check", "--source", "simulated", "--tickers", "AAA,BBB")
    assert re.findall(r"^(\w+) +504 +0 +0 ", table, re.MULTILINE) == ["AAA", "BBB"]
    help_text = python(project, "-m", "streams", "run", "--help")
    assert "simulated: random walks (--tickers)" in " ".join(help_text.split())
    python(project, "-m", "streams", "run", "--source", "simulated", "--tickers", "AAA", "--no-train", "--state", "var")
    assert "AAA,2024-06-28" in python(project, "-m", "state", "forecasts", "--state", "var", "--format", "csv")


@pytest.mark.slow
def test_a_field_as_the_page_adds_it_reaches_codec_columns_schema_and_page(tmp_path: Path) -> None:
    project = followed(tmp_path, "A new field of the row")
    known = tmp_path / "row"
    known.write_bytes(encode_forecast(forecast("KNOWN")))
    made, stored = csv.DictReader(io.StringIO(python(project, "-c", ROWS, str(known))))
    assert made["first_bar"]
    assert not stored["first_bar"]
    python(project, "-m", "tests.house.generated")
    assert "| `first_bar` ‡ |" in (project / "docs/reference/rows.md").read_text(encoding="utf-8")
    assert '"first_bar"' in (project / "docs/schemas/forecast.schema.json").read_text(encoding="utf-8")


def test_files_that_the_page_names_exist() -> None:
    page = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+/[a-z_/]+(?:\.py)?)`", page)) - {"models/candidates/ewma.py", "producers/simulated.py"}
    assert not [name for name in named if not (ROOT / name).exists()]
