"""Links between pages lead to a file and a heading that exist, and a reader who starts at the index reaches every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CODE = [path for path in ROOT.glob("[!.]*/**/*.py") if ".venv" not in path.parts] + sorted(ROOT.glob("docs/monitoring/*.yml"))


def links(page: Path) -> list[tuple[Path, str]]:
    """Local file and anchor of each link of a page; code blocks do not count."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    return [
        ((page.parent / name).resolve() if name else page, anchor) for name, _, anchor in (t.partition("#") for t in targets)
    ]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{target} is missing"
        assert not anchor or anchor in anchors(target), f"{target.name} has no heading #{anchor}"


def test_the_index_leads_to_every_page() -> None:
    seen, waiting = set[Path](), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        waiting.extend({target for target, _ in links(page) if target.suffix == ".md"} - seen)
    assert set(ROOT.glob("docs/**/*.md")) <= seen


def test_pages_that_code_and_alerts_name_exist() -> None:
    for path in CODE:
        for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file(), f"{path.relative_to(ROOT)} names {name}"
