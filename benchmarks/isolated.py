"""Measures in a separate process, so that memory and CPU time are those of the work alone."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Measured(Generic[Result]):
    """A function's result and its cost; `peak_megabytes` is of the whole process, libraries included."""

    result: Result
    seconds: float
    cpu_seconds: float
    peak_megabytes: float


def in_fresh_process(function: Callable[..., Result], *arguments: Any) -> Measured[Result]:
    """Run `function(*arguments)` in a new interpreter; the import of its module is not timed."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(measured, function, arguments).result()


def measured(function: Callable[..., Result], arguments: tuple[Any, ...]) -> Measured[Result]:
    """Run `function(*arguments)` here."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function(*arguments)
    return Measured(
        result,
        time.perf_counter() - wall,
        time.process_time() - cpu,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
