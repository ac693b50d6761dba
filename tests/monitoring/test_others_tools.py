"""Rules and dashboard by the tools of Prometheus and Grafana, where they are installed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.tools import absent, find_program

FOLDER = ROOT / "docs" / "monitoring"
CHECKER = Path(__file__).parent / "grafana"


def test_promtool_accepts_the_rules_and_their_replays() -> None:
    promtool = find_program(
        "promtool", required_by="REQUIRE_PROMTOOL", advice="it comes with Prometheus, on Debian in the package `prometheus`"
    )
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml", "rules_quiet_test.yml"]):
        done = subprocess.run([promtool, *command], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def grafana_refuses(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], str]:
    """What Grafana's published types for dashboards say against a dashboard; empty if nothing."""
    variable, advice = "REQUIRE_GRAFANA_TYPES", f"run `go -C {CHECKER.relative_to(ROOT)} mod download`"
    go = find_program("go", required_by=variable, advice=f"install Go, then {advice}")
    offline = os.environ | {"GOPROXY": "off", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    listed = subprocess.run([go, "list", "-deps", "."], cwd=CHECKER, env=offline, capture_output=True, text=True, check=False)
    if listed.returncode:
        absent(f"Grafana's types for dashboards are not on this machine: {advice}", required_by=variable)
    folder = tmp_path_factory.mktemp("grafana")
    subprocess.run([go, "build", "-o", folder / "check", "."], cwd=CHECKER, env=offline, check=True)

    def refusal(content: Any) -> str:
        (folder / "dashboard.json").write_text(json.dumps(content), encoding="utf-8")
        command = [folder / "check", folder / "dashboard.json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert bool(done.returncode) == bool(done.stderr)
        return done.stderr

    return refusal


@pytest.mark.slow
def test_grafana_accepts_the_dashboard(grafana_refuses: Callable[[Any], str]) -> None:
    content = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    assert grafana_refuses(content) == ""
    content["panels"][0]["options"]["colour"] = "red"
    content["panels"][1]["gridPos"]["w"] = "ten"
    del content["annotations"]
    refused = grafana_refuses(content)
    assert "unexpected field 'colour'" in refused
    assert "panels[1].gridPos.w" in refused
    assert "annotations: required field" in refused
