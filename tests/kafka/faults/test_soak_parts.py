"""The parts of the soak that need no broker: its verdict and its script."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from tests.kafka.soak.sampling import reading_of
from tests.kafka.soak.script import STEPS, soak_plan
from tests.kafka.soak.verdict import Reading, Row, Sample, judge, table
from tests.kafka.storm.plan import WEIGHTS

FLAT = Reading(memory=250.0, descriptors=150.0, threads=14.0, disk=3.0, log=2.0)


def life(name: str, pid: int, begin: float, end: float, **slopes: float) -> list[Sample]:
    """Samples every two seconds; `slopes` are what a measure grows by in a minute."""
    times = [begin + 2.0 * number for number in range(int((end - begin) / 2) + 1)]
    return [
        Sample(at, name, pid, FLAT._replace(**{k: getattr(FLAT, k) + v * (at - begin) / 60 for k, v in slopes.items()}))
        for at in times
    ]


def only(samples: list[Sample]) -> Row:
    (row,) = judge(samples, messages=0, answers=0)
    return row


def test_a_flat_process_is_flat() -> None:
    row = only(life("w1", 1, 0, 1200))
    assert (row.problems, row.judged, row.early, row.late) == ((), True, FLAT, FLAT)
    assert "flat" in table([row])


@pytest.mark.parametrize(("what", "slope"), [("memory", 2.0), ("descriptors", 6.0), ("threads", 0.5), ("disk", 2.0)])
def test_a_leak_is_found(what: str, slope: float) -> None:
    row = only(life("w1", 1, 0, 1200, **{what: slope}))
    assert len(row.problems) == 1
    assert row.problems[0].startswith(f"{what} grew from ")
    assert row.problems[0] in table([row])


def test_growth_is_that_of_one_process() -> None:
    """After a restart it has warmed up anew; the longest life counts, and no difference between two processes."""
    small, large = life("w2", 1, 0, 300), life("w2", 2, 310, 1200)
    large = [sample._replace(reading=sample.reading._replace(memory=300.0)) for sample in large]
    row = only([*small, *large])
    assert (row.problems, row.seconds, row.early.memory) == ((), 890.0, 300.0)


def test_warming_up_is_no_growth() -> None:
    warm = life("replica", 1, 200, 1200)
    cold = [sample._replace(reading=sample.reading._replace(memory=100.0)) for sample in life("replica", 1, 0, 198)]
    assert only([*cold, *warm]).problems == ()


def test_a_short_life_is_judged_by_its_largest_values_only() -> None:
    row = only(life("w3", 1, 0, 60, memory=40.0))
    assert (row.problems, row.judged) == ((), False)
    assert "too short" in table([row])
    assert only(life("w3", 1, 0, 60, memory=200.0)).problems == ("memory up to 450, at most 300 is right",)


def test_the_log_of_all_processes_of_a_name_counts() -> None:
    row = only(life("w1", 1, 0, 1200, log=11.0))
    assert row.problems == ("11.1 kB of log a minute, at most 10 is right",)
    assert judge(life("w1", 1, 0, 1200, log=11.0), messages=2000, answers=0)[0].problems == ()


def test_a_process_is_measured(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        log.write(bytes(20_000))
    reading = reading_of([os.getpid(), 2**30], tmp_path, tmp_path / "log")
    assert reading is not None
    assert reading.memory > 1.0
    assert reading.threads >= 1
    assert reading.descriptors >= 3
    assert reading.disk >= reading.log / 1000 >= 0.019
    assert reading_of([2**30, os.getpid()], None, None) is None


def test_the_script_has_its_faults_within_its_time_and_spares_the_end() -> None:
    plan = soak_plan(3, today=dt.date(2026, 1, 2), seconds=1200.0)
    assert [fault.kind for fault in plan.faults] == [step.kind for step in STEPS]
    assert {fault.kind for fault in plan.faults} <= WEIGHTS.keys()
    moments = [fault.at for fault in plan.faults]
    assert moments == sorted(moments)
    assert 60 < moments[0] < moments[-1] < 900
    assert plan.serve
    again = soak_plan(3, today=dt.date(2026, 1, 2), seconds=1200.0)
    assert again == plan
    # No fault of the second half restarts `w2`, the last of the workers, or `w1` at all.
    restarts = [fault for fault in plan.faults if fault.kind in {"kill", "term", "damage", "wipe"}]
    assert all(fault.draws[0] > 0.9 and fault.at < 660 for fault in restarts)
