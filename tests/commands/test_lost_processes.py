"""Processes of a pool that are killed: no wait is for ever, and the command says what happened."""

from __future__ import annotations

import os
import signal
import struct
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from commands.executor import Executor
from commands.processes import processes
from errors import ProcessLostError
from streams.training.pool import TrainingPool
from tests import proc
from tests.waiting import until


def send_half(folder: str) -> None:
    """Begin to send a result, as a process does whose result is larger than a pipe holds, and get no further."""
    frame = sys._getframe()
    while "result_queue" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    results = frame.f_locals["result_queue"]
    results._wlock.acquire()
    os.write(results._writer.fileno(), struct.pack("!i", 1000) + b"the first part")
    Path(folder, "writing").write_text(str(os.getpid()))
    Path(folder, "writing").rename(Path(folder, "pid"))
    time.sleep(3600)


def named(folder: Path) -> int:
    until((folder / "pid").exists)
    return int((folder / "pid").read_text())


def test_a_process_killed_while_it_sends_its_result_is_noticed(tmp_path: Path) -> None:
    with processes(2, preload=["json"]) as pool:
        jobs = [pool.submit(send_half, str(tmp_path)), pool.submit(time.sleep, 3600)]
        os.kill(named(tmp_path), signal.SIGKILL)
        with pytest.raises(ProcessLostError, match="a process that shared the work was killed"):
            list(pool.completed(jobs))
        with pytest.raises(ProcessLostError, match="ended before its work was done"):
            pool.submit(abs, -1)


def test_a_training_process_killed_while_it_sends_its_result_is_replaced(tmp_path: Path) -> None:
    with TrainingPool(send_half_once, jobs=2, deadline_seconds=3600, preload=()) as pool:
        for key in ("VICTIM", "OTHER"):
            pool.request(key, lambda key=key: (key, str(tmp_path)))  # type: ignore[misc]
        pool.poll(block=False)
        os.kill(named(tmp_path), signal.SIGKILL)
        found = []
        while len(pool):
            found += pool.poll(block=True)
        assert {outcome.key: outcome.result for outcome in found} == {"VICTIM": "VICTIM", "OTHER": "OTHER"}
        assert pool.deaths == 1


def send_half_once(job: tuple[str, str]) -> str:
    key, folder = job
    if key == "VICTIM" and not Path(folder, "pid").exists():
        send_half(folder)
    return key


def test_a_pool_ends_while_a_process_sends_its_result(tmp_path: Path) -> None:
    with TrainingPool(send_half, jobs=1, deadline_seconds=3600, preload=()) as pool:
        pool.request("A", lambda: str(tmp_path))
        pool.poll(block=False)
        pid = named(tmp_path)
    until(lambda: not proc.is_alive(pid))
    (tmp_path / "pid").unlink()
    with processes(1, preload=["json"]) as workers:
        workers.submit(send_half, str(tmp_path))
        pid = named(tmp_path)
    until(lambda: not proc.is_alive(pid))


def test_a_job_that_the_pools_thread_has_lost_ends_with_the_pool() -> None:
    executor = Executor(1, preload=["json"], initializer=int)
    forgotten: Future[int] = Future()  # submitted while that thread already gave up
    os.kill(executor.submit(os.getpid).result(), signal.SIGKILL)
    done: set[Future[int]] = set()
    until(lambda: done.update(executor.await_any({forgotten}, 0.1)[0]) or done)
    assert isinstance(forgotten.exception(), BrokenProcessPool)
    with pytest.raises(BrokenProcessPool):
        executor.submit(abs, 1)


def test_a_process_may_start_while_the_pools_thread_goes_through_the_others() -> None:
    executor = Executor(2, preload=["json"], initializer=int)
    executor.submit(abs, 1).result()
    for process in executor._processes.values():
        executor._processes[0] = process
    del executor._processes[0]
    executor.end()


@pytest.mark.parametrize("error", [EOFError("unexpected EOF"), BrokenPipeError(32, "Broken pipe")])
def test_a_forkserver_that_is_killed_is_no_ctrl_c_and_no_gone_reader(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def unanswered(executor: ProcessPoolExecutor, *job: object) -> object:
        raise error

    monkeypatch.setattr(ProcessPoolExecutor, "submit", unanswered)
    with processes(1, preload=["json"]) as pool, pytest.raises(ProcessLostError, match="fewer --jobs"):
        pool.submit(abs, 1)


def test_an_error_of_a_job_itself_is_kept() -> None:
    with processes(1, preload=["json"]) as pool, pytest.raises(FileNotFoundError):
        list(pool.completed([pool.submit(os.stat, "/no/such/file")]))


def test_ctrl_c_waits_for_the_end_of_a_training_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []

    def interrupted(executor: Executor) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        end(executor)
        ended.append(executor)

    end = Executor.end
    monkeypatch.setattr(Executor, "end", interrupted)
    pool = TrainingPool(abs, jobs=1, deadline_seconds=3600, preload=())
    pool.request("A", lambda: -1)
    pool.poll(block=True)
    with pytest.raises(KeyboardInterrupt):
        pool.close()
    assert len(ended) == 1
