"""A short run of the fuzzer; the long one is `make fuzz`."""

from __future__ import annotations

import pytest

from tests.history.fuzz import Fuzz, resident_megabytes


@pytest.mark.parametrize("seed", range(4))
def test_no_message_breaks_a_promise(seed: int) -> None:
    fuzz = Fuzz(seed)
    for _ in range(400):
        fuzz.step()
    assert set(fuzz.outcomes) - {"refused: SchemaError"} == {"refused: MessageError", "nothing taken", "taken"}
    assert fuzz.outcomes["taken"] > 30


@pytest.mark.slow
def test_memory_stays_flat() -> None:
    fuzz = Fuzz(99)
    for _ in range(1500):
        fuzz.step()
    before = resident_megabytes()
    for _ in range(3000):
        fuzz.step()
    assert resident_megabytes() - before < 20
