"""The compose file and the Dockerfile, checked without an engine: the same settings as the native start, scalable."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from broker.local.native import VERSION
from broker.local.properties import IMAGE, PROPERTIES, environment, listeners
from cluster.__main__ import cli
from settings import Settings
from tests.conftest import ROOT

OURS = ("worker", "producer", "optimizer")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return {name: service | {"volumes_known": set(loaded["volumes"])} for name, service in loaded["services"].items()}


@pytest.fixture(scope="module")
def image() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(instruction, " ".join(rest.split())) for instruction, _, rest in (line.partition(" ") for line in lines)]


def test_the_broker_has_the_settings_of_the_native_one(services: dict[str, Any]) -> None:
    kafka = services["kafka"]
    where = listeners(host="kafka", client_port=9092, controller_port=9093, bind="0.0.0.0")
    assert kafka["image"] == IMAGE
    assert kafka["environment"] == environment(PROPERTIES | where) | {"KAFKA_LOG_DIRS": "/var/lib/kafka/data"}
    assert f"<version>{VERSION}</version>" in (ROOT / "broker" / "pom.xml").read_text()


def test_every_service_can_start(services: dict[str, Any]) -> None:
    assert set(services) == {"kafka", *OURS}
    for name, service in services.items():
        assert {mount.partition(":")[0] for mount in service["volumes"]} <= service["volumes_known"], name
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy"
            assert "healthcheck" in services[other], name
    # A producer ends after publishing; every lasting service has a health check.
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"producer"}


def test_the_native_cluster_has_the_same_commands(services: dict[str, Any]) -> None:
    launcher = (ROOT / "cluster" / "__main__.py").read_text()
    for name in OURS:
        python, dash_m, package, command, *_ = services[name]["command"]
        assert (python, dash_m) == ("python", "-m")
        assert f'["{package}", "{command}"' in launcher, name


def test_workers_can_be_scaled(services: dict[str, Any]) -> None:
    """Nothing that only one container can have. Worker id and folder come from the container's host name."""
    worker = services["worker"]
    assert not {"container_name", "hostname", "ports"} & worker.keys()
    assert not {"WORKER_ID"} & worker["environment"].keys()
    assert "--id" not in worker["command"]
    # As many workers as in the native start.
    assert worker["deploy"] == {"replicas": {option.name: option for option in cli.params}["workers"].default}
    # The health check asks the same port in each container.
    assert f"127.0.0.1:{worker['environment']['WORKER_PORT']}/healthz" in worker["healthcheck"]["test"][-1]


def test_settings_of_the_native_start_reach_the_containers(services: dict[str, Any]) -> None:
    for name in OURS:
        assert services[name]["env_file"] == [{"path": ".env", "required": False}], name
    # Compose decides where Kafka and the state are and what is published; the file with settings does not.
    assert {"KAFKA_BOOTSTRAP", "KAFKA_SECURITY", "STATE_DIR", "HOST", "PORT"} <= services["optimizer"]["environment"].keys()
    assert services["optimizer"]["environment"]["PORT"] == services["optimizer"]["ports"][0].rpartition(":")[2]


def test_only_loopback_is_published(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published == ["127.0.0.1:${PORT:-5000}:5000"]
    assert Settings.model_fields["port"].default == 5000


def test_variables_of_our_services_are_settings(services: dict[str, Any], image: list[tuple[str, str]]) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in OURS:
        assert set(services[name]["environment"]) <= known, name
    (values,) = [arguments for instruction, arguments in image if instruction == "ENV"]
    assert {value.partition("=")[0] for value in values.split()} <= known | {"PYTHONUNBUFFERED"}


def test_the_image_has_every_package_and_runs_as_nobody_special(image: list[tuple[str, str]]) -> None:
    copied = {name for instruction, arguments in image if instruction == "COPY" for name in arguments.split()[:-1]}
    packages = {path.parent.name for path in ROOT.glob("*/__main__.py")} | {"broker", "records"}
    assert packages - {"benchmarks", "cluster"} <= copied
    assert all((ROOT / name).exists() for name in copied)
    order = [instruction for instruction, _ in image]
    (user,) = [arguments for instruction, arguments in image if instruction == "USER"]
    assert int(user) > 0, "a number, which an orchestrator can judge"
    assert "RUN" not in order[order.index("USER") :]
    (version,) = [match[1] for _, arguments in image if (match := re.match(r"python:(3\.\d+)-slim$", arguments))]
    assert f'requires-python = ">={version}' in (ROOT / "pyproject.toml").read_text()


def test_state_and_caches_stay_out_of_the_image() -> None:
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert {".git", ".venv", ".env", "var", "broker/libs", "**/__pycache__"} <= ignored
