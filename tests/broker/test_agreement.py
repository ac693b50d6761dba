"""Which record of a deployment counts: in every order of writes and crashes all workers find the same record."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.deployment.record import (
    DEPLOYMENT_VERSION,
    Deployment,
    Protocol,
    Writer,
    agree,
    begin_rebuild,
    counting,
    decode_deployment,
    encode_deployment,
    end_rebuild,
    new_deployment,
    refuse_difference,
    says_the_same,
)
from errors import BrokerError, MessageError, SchemaError, SettingsError
from settings import load_settings


def deployment(writer: int, *, horizon: int = 21, incarnation: int = 0, rebuilding: bool = False) -> Deployment:
    made = new_deployment(
        load_settings(horizon=horizon),
        code_version="1",
        formats={"history": 3},
        writer=Writer(worker=f"w{writer}", host="h", pid=writer, nonce=f"n{writer}", at="2026-01-02T03:04:05+00:00"),
    )
    return msgspec.structs.replace(made, incarnation=incarnation, rebuilding=rebuilding)


class Process:
    """Runs a protocol in steps, so that others run in between. `result` is its result or its error."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._step = next(protocol)
        self.result: Deployment | BrokerError | None = None

    def advance(self, log: list[Deployment | None]) -> None:
        if self.result is not None:
            return
        try:
            if self._step is None:
                self._step = self._protocol.send(list(log))
            else:
                log.append(self._step)
                self._step = next(self._protocol)
        except StopIteration as done:
            self.result = done.value
        except BrokerError as error:
            self.result = error

    def finish(self, log: list[Deployment | None]) -> Deployment | BrokerError:
        while self.result is None:
            self.advance(log)
        return self.result


def rebuild(mine: Deployment) -> Protocol:
    begun = yield from begin_rebuild(mine)
    return (yield from end_rebuild(begun))


HORIZONS = st.lists(st.sampled_from([5, 21]), min_size=2, max_size=4)
SCHEDULE = st.lists(st.integers(0, 3), max_size=24)
CRASHED = st.sets(st.integers(0, 3))


def run(processes: Sequence[Process], schedule: Sequence[int], crashed: set[int], log: list[Deployment | None]) -> None:
    """Advance the processes in this order; then run those without a crash to their end."""
    for number in schedule:
        if number < len(processes):
            processes[number].advance(log)
    for number, process in enumerate(processes):
        if number not in crashed:
            process.finish(log)


def results(processes: Sequence[Process]) -> list[Deployment]:
    return [process.result for process in processes if isinstance(process.result, Deployment)]


@given(HORIZONS, SCHEDULE, CRASHED)
def test_of_workers_that_start_at_once_exactly_one_record_counts(
    horizons: list[int], schedule: list[int], crashed: set[int]
) -> None:
    log: list[Deployment | None] = []
    processes = [Process(agree(deployment(number, horizon=horizon))) for number, horizon in enumerate(horizons)]
    run(processes, schedule, crashed, log)
    if not crashed:
        assert says_the_same(log[-1], processes[0].result)
    # A later worker repairs the log after a crash; then the log may be compacted.
    later = Process(agree(deployment(9, horizon=7))).finish(log)
    assert isinstance(later, Deployment)
    assert all(says_the_same(found, later) for found in results(processes))
    assert says_the_same(log[-1], later)
    assert says_the_same(Process(agree(deployment(8, horizon=5))).finish(log[-1:]), later)


@given(HORIZONS, SCHEDULE, CRASHED, st.integers(0, 2))
def test_rebuilds_and_workers_in_any_order(horizons: list[int], schedule: list[int], crashed: set[int], workers: int) -> None:
    log: list[Deployment | None] = [deployment(7, incarnation=3)]
    protocols = [(agree if n < workers else rebuild)(deployment(n, horizon=horizon)) for n, horizon in enumerate(horizons)]
    processes = [Process(protocol) for protocol in protocols]
    run(processes, schedule, crashed, log)
    ended = [found for found in results(processes[workers:]) if not found.rebuilding]
    # Every finished rebuild has its own incarnation, and an earlier rebuild lets no workers in after a later rebuild.
    assert len({found.incarnation for found in ended}) == len(ended)
    last = Process(agree(deployment(9))).finish(log)
    assert isinstance(last, Deployment)
    assert all(found.incarnation <= last.incarnation for found in results(processes))
    if not last.rebuilding and last.incarnation > 3:
        assert last.incarnation == max(found.incarnation for found in log if found is not None)
    assert says_the_same(log[-1], last)
    # One more rebuild completes any unfinished rebuild.
    again = Process(rebuild(deployment(8, horizon=7))).finish(log)
    assert isinstance(again, Deployment)
    assert (again.rebuilding, again.incarnation > last.incarnation) == (False, True)
    assert says_the_same(Process(agree(deployment(6))).finish(log), again)


def test_two_rebuilds_at_once_and_one_of_them_stops() -> None:
    log: list[Deployment | None] = [deployment(0)]
    first, second = Process(rebuild(deployment(1))), Process(rebuild(deployment(2)))
    for process in (first, second, first, second):
        process.advance(log)
    assert isinstance(first.finish(log), Deployment)
    assert isinstance(error := second.finish(log), BrokerError)
    assert "another rebuild was begun meanwhile (h, process 1" in str(error)


def test_a_rebuild_that_was_overtaken_does_not_let_workers_in() -> None:
    log: list[Deployment | None] = [deployment(0)]
    begun = Process(begin_rebuild(deployment(1))).finish(log)
    assert isinstance(begun, Deployment)
    Process(begin_rebuild(deployment(2))).finish(log)
    assert isinstance(Process(end_rebuild(begun)).finish(log), BrokerError)
    found = counting(log)
    assert found is not None
    assert (found.incarnation, found.rebuilding, found.writer.worker) == (2, True, "w2")


def test_while_a_rebuild_has_not_ended_it_is_what_counts() -> None:
    old, begun, ended = deployment(0), deployment(1, incarnation=1, rebuilding=True), deployment(1, incarnation=1)
    assert counting([old, begun]) == begun
    for order in permutations([old, begun, ended]):
        assert counting(order) == ended
    assert counting([old, begun, ended, deployment(2, incarnation=2, rebuilding=True)]) is not ended
    assert counting([]) is None
    assert counting([None, old, None]) == old


def test_what_cannot_be_read_is_written_over() -> None:
    log: list[Deployment | None] = [deployment(0), None]
    assert Process(agree(deployment(1, horizon=5))).finish(log) == deployment(0)
    assert log[-1] == deployment(0)


def test_a_log_that_forgets_is_an_error() -> None:
    protocol: Generator[Deployment | None, Sequence[Deployment | None], Deployment] = agree(deployment(0))
    assert next(protocol) is None
    assert protocol.send([]) == deployment(0)
    assert next(protocol) is None
    with pytest.raises(BrokerError, match="deleted"):
        protocol.send([])


def test_a_record_survives_its_encoding() -> None:
    made = deployment(1, incarnation=4, rebuilding=True)
    assert decode_deployment(encode_deployment(made)) == made
    assert made.settings["MODELS"] == "har,arima,xgboost,lstm"
    assert made.settings["WINDOW"] == "week"


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"\xff", b'{"schema_version": 1}', b'{"schema_version": "new"}'])
def test_what_is_no_deployment_is_refused(value: bytes) -> None:
    with pytest.raises(MessageError):
        decode_deployment(value)


def test_a_newer_deployment_is_refused_with_the_advice_to_upgrade() -> None:
    with pytest.raises(SchemaError, match=rf"version {DEPLOYMENT_VERSION + 1}.*upgrade"):
        decode_deployment(msgspec.json.encode({"schema_version": DEPLOYMENT_VERSION + 1, "unknown": True}))


def test_each_difference_is_named_with_both_values() -> None:
    recorded = deployment(0)
    refuse_difference(recorded, deployment(1))
    mine = new_deployment(
        load_settings(horizon=5, models="har"), code_version="1", formats={"history": 3}, writer=deployment(1).writer
    )
    with pytest.raises(SettingsError) as refused:
        refuse_difference(recorded, mine)
    text = str(refused.value)
    assert "HORIZON is 21 there and 5 here, MODELS is har,arima,xgboost,lstm there and har here" in text
    assert "recorded by worker w0 on h" in text
    assert "stop all workers and run `python -m streams rebuild`" in text
    assert "LOOKBACK" not in text
    assert "version" not in text


def test_another_version_is_named_with_both() -> None:
    recorded = deployment(0)
    mine = msgspec.structs.replace(deployment(1), code_version="2", formats={"history": 4, "stamp": 1})
    with pytest.raises(
        SettingsError, match="version 1 there and 2 here, format of history 3 there and 4 here, format of stamp"
    ):
        refuse_difference(recorded, mine)
    with pytest.raises(SettingsError, match="hash of the settings"):
        refuse_difference(recorded, msgspec.structs.replace(recorded, settings_hash="0"))
