"""The pool of training processes when jobs and processes fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver
from pathlib import Path

import pytest

from commands.startup import ONE_THREAD
from errors import TrainingError
from streams.training.pool import IN_FLIGHT_PER_PROCESS, Outcome, TrainingPool
from tests import proc
from tests.conftest import ROOT
from tests.streams.training.jobs import environment, misbehave, square, timed
from tests.waiting import PATIENCE_SECONDS, until


def pool_of(function: Callable[[object], object], *, jobs: int = 2, deadline: float = 60.0) -> TrainingPool[object, object]:
    return TrainingPool(function, jobs=jobs, deadline_seconds=deadline, preload=())


def drain(pool: TrainingPool[object, object]) -> dict[str, Outcome[object, object]]:
    found: dict[str, Outcome[object, object]] = {}
    while len(pool):
        for outcome in pool.poll(block=True):
            assert outcome.key not in found
            found[outcome.key] = outcome
    return found


def test_every_request_has_one_outcome() -> None:
    with pool_of(square) as pool:
        for number in range(20):
            pool.request(str(number), lambda number=number: number)
        outcomes = drain(pool)
    assert {key: outcome.result for key, outcome in outcomes.items()} == {str(n): n * n for n in range(20)}
    assert all(outcome.job == int(key) and outcome.error is None for key, outcome in outcomes.items())


def test_an_idle_pool_starts_no_process_and_waits_for_nothing() -> None:
    with pool_of(square) as pool:
        assert pool.poll(block=True) == []
        assert len(pool) == 0


def test_requests_are_built_when_their_turn_comes_and_replaced_before_that() -> None:
    built: list[str] = []

    def build(name: str) -> Callable[[], int]:
        return lambda: built.append(name) or 1  # type: ignore[func-returns-value]

    with pool_of(square, jobs=1) as pool:
        for number in range(9):
            pool.request(str(number), build(f"{number} first"))
        pool.poll(block=False)
        assert len(built) <= 2 * IN_FLIGHT_PER_PROCESS  # some may have ended already
        pool.request("8", build("8 second"))
        pool.request("7", build("7 second"))
        pool.withdraw("7")
        pool.withdraw("never asked for")
        outcomes = drain(pool)
    assert set(outcomes) == {"0", "1", "2", "3", "4", "5", "6", "8"}
    assert "8 second" in built
    assert not {"8 first", "7 first", "7 second"} & set(built)


def test_a_job_that_raises_fails_alone_and_is_named() -> None:
    with pool_of(misbehave) as pool:
        for key in ("GOOD", "BAD", "FINE"):
            pool.request(key, lambda key=key: ("raise" if key == "BAD" else key, ""))
        outcomes = drain(pool)
    assert outcomes["GOOD"].result == "GOOD"
    assert outcomes["FINE"].result == "FINE"
    assert isinstance(outcomes["BAD"].error, TrainingError)
    assert "BAD: training failed: ValueError: no good" in str(outcomes["BAD"].error)


@pytest.mark.parametrize("kind", ["die", pytest.param("hang", marks=pytest.mark.slow)])
def test_only_the_job_that_ends_its_process_fails(kind: str) -> None:
    with pool_of(misbehave, deadline=1.0) as pool:
        for key in ("A", "B", "CULPRIT", "C", "D", "E", "F", "G"):
            pool.request(key, lambda key=key: (kind if key == "CULPRIT" else key, ""))
        outcomes = drain(pool)
    assert {key for key, outcome in outcomes.items() if outcome.error} == {"CULPRIT"}
    assert all(outcome.result == key for key, outcome in outcomes.items() if key != "CULPRIT")
    assert len(outcomes) == 8
    assert "CULPRIT" in str(outcomes["CULPRIT"].error)
    assert "deadline of 1 s" in str(outcomes["CULPRIT"].error)


def test_a_process_killed_from_outside_costs_nothing(tmp_path: Path) -> None:
    with pool_of(misbehave) as pool:
        pool.request("VICTIM", lambda: ("wait-once", str(tmp_path)))
        pool.request("OTHER", lambda: ("other", ""))
        pool.poll(block=False)
        until((tmp_path / "pid").exists)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        outcomes = drain(pool)
    assert outcomes["VICTIM"].result == "wait-once"
    assert outcomes["OTHER"].result == "other"


def test_processes_compute_in_one_thread_and_the_parent_keeps_its_environment() -> None:
    before = dict(os.environ)
    with pool_of(environment) as pool:
        for name in ONE_THREAD:
            pool.request(name, lambda name=name: name)
        outcomes = drain(pool)
    assert {str(outcome.error or outcome.result) for outcome in outcomes.values()} == {"1"}
    assert dict(os.environ) == before


def test_leaving_ends_busy_processes_at_once(tmp_path: Path) -> None:
    with pool_of(misbehave, deadline=3600.0) as pool:
        pool.request("BUSY", lambda: ("wait-once", str(tmp_path)))
        pool.poll(block=False)
        until((tmp_path / "pid").exists)
        pid = int((tmp_path / "pid").read_text())
        left = time.monotonic()
    assert time.monotonic() - left < PATIENCE_SECONDS, "the job takes an hour"
    until(lambda: not proc.is_alive(pid))


@pytest.fixture
def busy_program(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A running program with two busy pool processes; the ids of these and of their forkserver."""
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.streams.training.jobs", str(tmp_path)],
        cwd=ROOT,
        start_new_session=True,
        stderr=subprocess.PIPE,
    )
    try:
        until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        workers = [int(mark.stem) for mark in tmp_path.glob("*.pid")]
        servers = {proc.parent(pid) for pid in workers}
        yield program, workers + sorted(servers)
    finally:
        program.kill()
        program.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_parent_leaves_no_process_behind(busy_program: tuple[subprocess.Popen[bytes], list[int]]) -> None:
    program, processes = busy_program
    assert len(processes) == 3
    assert all(proc.is_alive(pid) for pid in processes)
    program.kill()
    program.wait()
    until(lambda: not any(proc.is_alive(pid) for pid in processes))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_ends_quickly_and_quietly(busy_program: tuple[subprocess.Popen[bytes], list[int]]) -> None:
    program, processes = busy_program
    os.killpg(program.pid, signal.SIGINT)  # to the whole group, as a terminal does
    _, said = program.communicate(timeout=PATIENCE_SECONDS)
    assert program.returncode == 130
    assert said == b""
    until(lambda: not any(proc.is_alive(pid) for pid in processes))


def test_a_forkserver_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was killed while it started: its socket exists, but it does not answer."""
    answers = iter([EOFError("unexpected EOF"), ConnectionRefusedError(111, "Connection refused")])
    submit = ProcessPoolExecutor.submit

    def unanswered(executor: ProcessPoolExecutor, *job: object) -> object:
        for error in answers:
            raise error
        return submit(executor, *job)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", unanswered)
    with pool_of(square, jobs=1) as pool:
        pool.request("AAA", lambda: 3)
        outcomes = drain(pool)
    assert outcomes["AAA"].result == 9


@pytest.mark.skipif(sys.platform != "linux", reason="stops and kills a forkserver")
def test_a_forkserver_that_is_killed_while_it_starts_a_process_is_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect = forkserver.connect_to_new_process
    killed: list[int] = []

    def connect_and_kill(descriptors: list[int]) -> tuple[int, int]:
        if killed:
            return connect(descriptors)
        forkserver.ensure_running()
        pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGSTOP)  # so that it cannot answer before it dies
        connected = connect(descriptors)
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)
        return connected

    monkeypatch.setattr(forkserver, "connect_to_new_process", connect_and_kill)
    with pool_of(square, jobs=1) as pool:
        for number in range(4):
            pool.request(str(number), lambda number=number: number)
        outcomes = drain(pool)
    assert len(killed) == 1
    assert not proc.is_alive(killed[0])
    assert "training process not started, tried again" in caplog.text
    assert {key: outcome.result for key, outcome in outcomes.items()} == {str(number): number**2 for number in range(4)}


def test_the_seconds_of_each_model_are_added_up_beside_the_results() -> None:
    with pool_of(timed) as pool:
        assert pool.seconds == {}
        for number in range(3):
            pool.request(str(number), lambda number=number: number)
        outcomes = drain(pool)
        assert {outcome.result for outcome in outcomes.values()} == {0, 1, 2}
        assert set(pool.seconds) == {"har", "lstm"}
        assert all(seconds > 0.0 for seconds in pool.seconds.values())
