"""The compose file, as far as it goes without an engine: its schema's bones, and in step with the native start."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from broker.native import VERSION
from broker.properties import IMAGE, PROPERTIES, environment, listeners
from settings import Settings
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_the_broker_has_the_settings_of_the_native_one(compose: dict[str, Any]) -> None:
    kafka = compose["services"]["kafka"]
    where = listeners(host="kafka", client_port=9092, controller_port=9093, bind="0.0.0.0")
    assert kafka["image"] == IMAGE
    assert kafka["environment"] == environment(PROPERTIES | where) | {"KAFKA_LOG_DIRS": "/var/lib/kafka/data"}
    assert f"<version>{VERSION}</version>" in (ROOT / "broker" / "pom.xml").read_text()


def test_every_service_can_start(compose: dict[str, Any]) -> None:
    volumes = set(compose["volumes"])
    for name, service in compose["services"].items():
        assert {mount.partition(":")[0] for mount in service.get("volumes", ())} <= volumes, name
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in compose["services"][other], name
    assert {"kafka", "worker", "producer", "optimizer"} == set(compose["services"])
    assert "container_name" not in compose["services"]["worker"], "a name would forbid --scale"
    assert "ports" not in compose["services"]["worker"], "a port would forbid --scale"


def test_variables_of_our_services_are_settings(compose: dict[str, Any]) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in ("worker", "producer", "optimizer"):
        assert set(compose["services"][name]["environment"]) <= known, name


def test_the_image_has_every_package_and_runs_as_nobody_special() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {line.split()[1] for line in lines if line.startswith("COPY")}
    packages = {path.parent.name for path in ROOT.glob("*/__main__.py")} | {"broker", "records"}
    assert packages - {"benchmarks", "cluster"} <= copied
    assert any(line.startswith("USER ") and line != "USER root" for line in lines)
    assert all((ROOT / name).exists() for name in copied)
