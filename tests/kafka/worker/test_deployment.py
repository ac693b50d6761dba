"""Workers with other settings, two workers with one name, interrupted rebuilds: refused or repaired, with a line in the log."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from kafka import KafkaAdminClient

from broker.client import client_options
from broker.deployment import reset
from broker.deployment.log import DeploymentLog, append_record, deployments
from broker.deployment.record import KEY, Deployment, agree, begin_rebuild, counting, encode_deployment, says_the_same
from broker.topics import DEPLOYMENT, ensure_topics, group_id, topics
from errors import BrokerError, SchemaError, SettingsError, StateRebuiltError
from settings import Settings
from streams.kafka.worker import admission
from streams.kafka.worker.admission import Admission, await_admission, own_deployment
from tests.conftest import ROOT
from tests.kafka.cluster import Cluster, Worker, by_date
from tests.made.bars import made_bars
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SESSION = {"WORKER_SESSION_SECONDS": "6"}


async def _records(settings: Settings) -> list[Deployment | None]:
    async with DeploymentLog(settings) as log:
        return deployments(await log.read())


def records(settings: Settings) -> list[Deployment | None]:
    """All deployments on the topic."""
    return asyncio.run(_records(settings))


def write(settings: Settings, value: bytes | None) -> None:
    asyncio.run(append_record(settings, KEY, value))


def begin(settings: Settings) -> Deployment:
    """The first step of a rebuild."""

    async def settle() -> Deployment:
        async with DeploymentLog(settings) as log:
            return (await log.settle(begin_rebuild(own_deployment(settings))))[0]

    return asyncio.run(settle())


def ready(worker: Worker) -> bool:
    return bool(worker.page().get("ready"))


def rebuild(cluster: Cluster, **environment: str) -> subprocess.CompletedProcess[str]:
    values = os.environ | cluster.values | {"STATE_DIR": str(cluster.state)} | environment
    return subprocess.run(
        [sys.executable, "-m", "streams", "rebuild"], cwd=ROOT, env=values, capture_output=True, text=True, check=False
    )


def test_a_worker_with_other_settings_is_refused_and_the_others_go_on(cluster: Cluster) -> None:
    first = cluster.start("w1")
    until(lambda: ready(first), cluster.logs)
    second = cluster.start("w2", HORIZON="5", SEED="7")
    assert second.process.wait(PATIENCE_SECONDS) == SettingsError.exit_code
    assert second.said("error: the workers agreed on other values (recorded by worker w1 on ") == 1
    assert second.said("HORIZON is 21 there and 5 here, SEED is 0 there and 7 here; set it back, or stop all workers and") == 1
    third = cluster.start("w3")
    until(lambda: ready(third), cluster.logs)
    assert first.process.poll() is None
    assert len(records(cluster.settings())) == 1


def test_a_worker_of_another_version_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = cluster.settings()
    here = admission.VERSION
    assert await_admission(settings).deployment.incarnation == 0
    monkeypatch.setattr(admission, "VERSION", "99.0")
    with pytest.raises(SettingsError, match=rf"version {here} there and 99\.0 here; run the version that is there"):
        await_admission(settings)


def test_a_deployment_recorded_by_a_newer_version_is_refused(cluster: Cluster) -> None:
    settings = cluster.settings()
    ensure_topics(settings, DEPLOYMENT)
    write(settings, b'{"schema_version": 2, "something": "else"}')
    with pytest.raises(SchemaError, match="upgrade"):
        await_admission(settings)
    done = rebuild(cluster)
    assert (done.returncode, "upgrade" in done.stderr) == (SchemaError.exit_code, True)


def test_changelogs_without_a_record_are_the_first_incarnation(cluster: Cluster) -> None:
    settings = cluster.settings()
    ensure_topics(settings)
    assert records(settings) == []
    found = await_admission(settings)
    assert (found.deployment.incarnation, found.deployment.rebuilding, found.predecessor) == (0, False, None)
    assert records(settings) == [found.deployment]


def test_of_workers_that_start_at_the_same_moment_one_wins(cluster: Cluster) -> None:
    """First in one process, so that they really meet; then as processes."""

    async def race(prefix: str) -> tuple[list[Deployment], list[Deployment | None]]:
        candidates = [cluster.settings(horizon=horizon, worker_id=f"w{horizon}") for horizon in (5, 10, 15, 21)]
        candidates = [settings.model_copy(update={"kafka_prefix": prefix}) for settings in candidates]
        ensure_topics(candidates[0], DEPLOYMENT)

        async def start(settings: Settings) -> Deployment:
            async with DeploymentLog(settings) as log:
                return (await log.settle(agree(own_deployment(settings))))[0]

        found = await asyncio.gather(*map(start, candidates))
        return found, await _records(candidates[0])

    met = 0
    for number in range(5):
        found, log = asyncio.run(race(f"{cluster.settings().kafka_prefix}{number}-"))
        assert len({msgspec.json.encode(winner) for winner in found}) == 1
        assert counting(log) == found[0]
        assert says_the_same(log[-1], found[0])
        met += len(log) > 1
    assert met, "no two of them ever found the log empty"

    workers = [cluster.start("w1", HORIZON="5"), cluster.start("w2", HORIZON="10")]
    until(lambda: any(worker.process.poll() is not None for worker in workers), cluster.logs)
    (refused,) = [worker for worker in workers if worker.process.poll() is not None]
    (winner,) = [worker for worker in workers if worker is not refused]
    assert refused.process.returncode == SettingsError.exit_code
    until(lambda: ready(winner), cluster.logs)


def test_a_running_worker_makes_good_what_does_not_count(cluster: Cluster) -> None:
    settings = cluster.settings()
    worker = cluster.start()
    until(lambda: ready(worker), cluster.logs)
    (ours,) = records(settings)
    assert ours is not None
    stray = msgspec.structs.replace(ours, settings=ours.settings | {"HORIZON": "5"})
    for number, value in enumerate((encode_deployment(stray), b"not a record", None), 2):
        write(settings, value)
        until(lambda number=number: len(records(settings)) >= 2 * number - 1, cluster.logs)  # type: ignore[misc]
        assert records(settings)[-1] == ours
    assert worker.stop() == 0


def test_of_two_workers_with_one_name_the_first_leaves(cluster: Cluster) -> None:
    first = cluster.start("same", STATE_DIR=str(cluster.folder / "one"))
    until(lambda: ready(first), cluster.logs)
    log = cluster.folder / "first.log"
    first.log.rename(log)
    second = cluster.start("same", STATE_DIR=str(cluster.folder / "two"))
    assert first.process.wait(PATIENCE_SECONDS) == SettingsError.exit_code
    said = log.read_text()
    reason = f"another process took over the id same: host {os.uname().nodename}, process {second.process.pid}, folder "
    assert f'level=CRITICAL logger=streams.kafka.worker.deployment_watch event=dismissed reason="{reason}' in said
    assert f"error: {reason}" in said
    until(lambda: ready(second), cluster.logs)
    assert second.said(f"worker=same host={os.uname().nodename} pid={first.process.pid} folder=") == 1
    # No warning about a process that ended in order or died on the same folder.
    second.kill()
    third = cluster.start("same", STATE_DIR=str(cluster.folder / "two"))
    until(lambda: ready(third), cluster.logs)
    assert third.stop() == 0
    fourth = cluster.start("same", STATE_DIR=str(cluster.folder / "three"))
    until(lambda: ready(fourth), cluster.logs)
    assert fourth.said("took over the id") == 1, "of the second alone: they share a log"


def test_a_rebuild_changes_the_settings(cluster: Cluster) -> None:
    cluster.values |= SESSION
    bars = by_date(made_bars(8, 300, size=50))
    worker = cluster.start()
    cluster.publish(bars)
    cluster.await_bars(8 * 300)
    refused = rebuild(cluster)
    assert (refused.returncode, "a worker runs on it" in refused.stderr) == (1, True)
    # On another host the folder's lock does not stop it.
    elsewhere = rebuild(cluster, STATE_DIR=str(cluster.folder / "elsewhere"))
    assert (elsewhere.returncode, "are running: stop them first (w1)" in elsewhere.stderr) == (1, True)
    assert len(records(cluster.settings())) == 1, "a rebuild that is refused changes nothing"
    assert worker.stop() == 0
    cluster.values["HORIZON"] = "5"
    done = rebuild(cluster, STATE_DIR=str(cluster.folder / "elsewhere"))
    assert (done.returncode, "incarnation 1 begins" in done.stderr) == (0, True), done.stderr
    worker = cluster.start()
    expected = cluster.embedded(sorted(bars, key=lambda batch: (batch.ticker, batch.date[0])))
    cluster.await_rows(expected[0])
    assert worker.said("tables of another incarnation removed")
    assert worker.stop() == 0


class Killed(Exception):  # noqa: N818 - not an error
    pass


def kill(*_: Any) -> None:
    raise Killed


@pytest.mark.parametrize("where", ["_await_empty_group", "_delete_group", "_delete_topics", "ensure_topics"])
def test_a_rebuild_that_was_killed_is_run_again(where: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = cluster.settings()
    before = await_admission(settings).deployment
    with monkeypatch.context() as patched:
        patched.setattr(reset, where, kill)
        with pytest.raises(Killed):
            reset.reset_workers(settings, own_deployment(settings))
    begun = where != "_await_empty_group"
    assert (records(settings)[-1] != before) is begun
    # No worker starts on a half-finished rebuild; it waits.
    worker = cluster.start()
    if begun:
        until(lambda: worker.said("a rebuild is running, waiting for its end"), cluster.logs)
        assert not list(cluster.state.glob("workers/*/tables"))
        done = rebuild(cluster)
        assert done.returncode == 0, done.stderr
        last = records(settings)[-1]
        assert last is not None
        assert (last.incarnation, last.rebuilding) == (before.incarnation + 2, False)
    until(lambda: ready(worker), cluster.logs)
    assert worker.stop() == 0
    with KafkaAdminClient(**client_options(settings)) as admin:
        assert {topic.name for topic in topics(settings).values()} <= set(admin.list_topics())
        assert group_id(settings) in {group["group_id"] for group in admin.list_groups()}


def test_a_worker_leaves_when_the_workers_are_rebuilt(cluster: Cluster) -> None:
    settings = cluster.settings()
    worker = cluster.start()
    until(lambda: ready(worker), cluster.logs)
    begun = begin(settings)
    assert worker.process.wait(PATIENCE_SECONDS) == StateRebuiltError.exit_code
    assert (
        worker.said(
            'level=CRITICAL logger=streams.kafka.worker.deployment_watch event=dismissed reason="`streams rebuild` was run'
        )
        == 1
    )
    assert records(settings)[-1] == begun


def test_a_worker_that_joins_too_late_for_a_rebuild_to_see_it_leaves(cluster: Cluster) -> None:
    """It was admitted, then the rebuild found the group empty. It sees the record of the rebuild before it writes."""
    late = cluster.folder / "go"
    environment = {"LATE_AT": "start", "LATE_FILE": str(late)}
    settings = cluster.settings()
    worker = cluster.start(program=("tests.kafka.programs.late_worker",), **environment)
    until((cluster.folder / "go.reached").exists, cluster.logs)
    begin(settings)
    late.touch()
    assert worker.process.wait(PATIENCE_SECONDS) == StateRebuiltError.exit_code, cluster.logs()


def test_of_two_rebuilds_at_once_one_stops(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = cluster.settings()
    await_admission(settings)
    delete_group = reset._delete_group

    def slow(*arguments: Any) -> None:
        delete_group(*arguments)
        monkeypatch.setattr(reset, "_delete_group", delete_group)
        other = reset.reset_workers(settings, own_deployment(settings))
        assert other.incarnation == 2

    monkeypatch.setattr(reset, "_delete_group", slow)
    with pytest.raises(BrokerError, match="another rebuild was begun meanwhile"):
        reset.reset_workers(settings, own_deployment(settings))
    found = await_admission(settings)
    assert isinstance(found, Admission)
    assert (found.deployment.incarnation, found.deployment.rebuilding) == (2, False)
