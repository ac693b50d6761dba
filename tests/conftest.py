"""What all tests share: determinism, the real bars, and a watch over what a test leaves behind."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests import proc
from tests.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

# No deadline: other work on the machine must not fail a property. And the same examples every time, or a change would be blamed
# for what was there before; to look for new examples use `make test-fast PYTEST_ARGS=--hypothesis-profile=random`.
settings.register_profile("random", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deterministic", settings.get_profile("random"), derandomize=True)
settings.load_profile("deterministic")

# A runner started in the background may have Ctrl-C ignored, and every command that a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

#: Helper processes of multiprocessing that live until the interpreter ends, by design.
LASTING_PROCESSES = ("multiprocessing.forkserver", "multiprocessing.resource_tracker")
#: Libraries set these once, when they are imported, which may be in the middle of a test.
ENVIRONMENT_OF_LIBRARIES = ("KMP_", "TORCHINDUCTOR_", "PYTEST_CURRENT_TEST")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--sweep` also runs what is marked so: whole matrices, of which every run of the tests takes a part."""
    parser.addoption("--sweep", action="store_true", help="also run the tests marked `sweep`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the sweeps out unless they are asked for; refuse names that differ between the processes of one run."""
    with_address = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if with_address:
        raise pytest.UsageError(f"{with_address[0]}: an address in its name differs in each process; give the cases ids")
    if not config.getoption("--sweep"):
        left_out = [item for item in items if item.get_closest_marker("sweep")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("sweep")]


@pytest.fixture
def shared_data() -> Path:
    """The folder of real bars; tests that need it are skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real bars in ../shared/data are not here")
    return SHARED_DATA


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded source of random numbers."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - for libraries that still use it


@pytest.fixture(autouse=True)
def _unchanged_environment() -> Iterator[None]:
    before = _environment()
    directory = Path.cwd()
    yield
    after = _environment()
    assert after == before, f"the test changed the environment: {sorted(dict(after.items() ^ before.items()))}"
    assert Path.cwd() == directory, "the test changed the working directory"


@pytest.fixture(autouse=True, scope="module")
def _nothing_left_running() -> Iterator[None]:
    """No thread or child process outlives its module, so that fixtures of a module's scope may keep some."""
    threads, children = set(threading.enumerate()), _children()
    yield
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and (_new_threads(threads) or _children() - children):
        for thread in _new_threads(threads):
            thread.join(timeout=0.1)
        multiprocessing.active_children()  # reaps ended processes
        time.sleep(0.02)
    left = [thread.name for thread in _new_threads(threads)]
    assert not left, f"threads left running: {left}"
    assert not _children() - children, f"processes left running: {sorted(_children() - children)}"


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_OF_LIBRARIES)}


def _new_threads(before: set[threading.Thread]) -> set[threading.Thread]:
    return set(threading.enumerate()) - before


def _children() -> set[tuple[int, str]]:
    """Live child processes by id and command line, as far as the system tells (Linux); else those of multiprocessing."""
    found = {(child.pid or 0, child.name) for child in multiprocessing.active_children()}
    for pid in proc.children("self"):
        command = " ".join(proc.command_line(pid))
        if command and not any(name in command for name in LASTING_PROCESSES):
            found.add((pid, command[:200]))
    return found
