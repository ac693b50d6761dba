"""The engine's parts that need no broker: records that survive any crash, the fence, the filter of logs, what is published."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.client import client_options
from broker.topics import partition_of
from errors import BrokerError, MessageError, StateCorruptError
from history.pipeline import absorb
from history.ticker_state import DueTraining, TickerState, same_state
from producers.published import PublishedBars
from records import BarBatch
from settings import load_settings
from state.record_codec import StoredBlocks, decode_record, encode_writes, record_key
from streams.kafka.consuming.fence import Fence, boot_seconds
from streams.kafka.sending.messages import decode_request, encode_request
from tests.kafka.cluster import TODAY, made_bars

SETTINGS = load_settings(lookback=252, minimum_bars=126, history_bars=504, models="har")


def after(batches: list[BarBatch]) -> TickerState:
    state: TickerState | None = None
    for batch in batches:
        state, _ = absorb(state, batch, today=TODAY, settings=SETTINGS)
    assert state is not None
    return state


def altered(batch: BarBatch, row: int) -> BarBatch:
    close = list(batch.close)
    volume = list(batch.volume)
    volume[row] = (volume[row] or 0.0) + 1.0
    return msgspec.structs.replace(batch, close=close, volume=volume)


BATCHES = made_bars(1, 700, size=50)
#: New bars, a correction of old blocks, more bars with old blocks leaving, a correction of the newest block.
STEPS: list[list[BarBatch]] = [
    BATCHES[:6],
    BATCHES[:7],
    [*BATCHES[:7], altered(BATCHES[4], 3)],
    [*BATCHES[:7], altered(BATCHES[4], 3), *BATCHES[7:]],
    [*BATCHES[:7], altered(BATCHES[4], 3), *BATCHES[7:], altered(BATCHES[13], 40)],
]


def test_any_prefix_of_the_writes_is_one_of_the_states() -> None:
    """What a changelog holds after a crash anywhere: the state before a step, or the one after it, never a mixture."""
    table: dict[bytes, bytes] = {}
    stored: StoredBlocks | None = None
    before: TickerState | None = None
    for step in STEPS:
        state = after(step)
        writes = encode_writes(state, stored, 0)
        for key, value in [*writes.before, (record_key("T000"), writes.record), *writes.after]:
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
            payload = table.get(record_key("T000"))
            if payload is not None:
                found, _ = decode_record("T000", payload, table.get)
                assert same_state(found, state) or (before is not None and same_state(found, before))
        found, stored = decode_record("T000", table[record_key("T000")], table.get)
        assert same_state(found, state)
        before = state


def test_a_new_day_is_one_small_record() -> None:
    stored = encode_writes(after(BATCHES[:6]), None, 0).stored
    state = after([*BATCHES[:6], msgspec.structs.replace(made_bars(1, 700, size=1)[300])])
    writes = encode_writes(state, stored, 300)
    assert not writes.before
    assert not writes.after
    assert len(writes.record) < 6000


def test_a_mixture_of_two_times_is_noticed() -> None:
    old = encode_writes(after(BATCHES[:7]), None, 0)
    new = encode_writes(after(STEPS[2]), None, 0)
    blocks = dict(old.before)
    with pytest.raises(StateCorruptError, match="of another time"):
        decode_record("T000", new.record, blocks.get)
    with pytest.raises(StateCorruptError, match="missing"):
        decode_record("T000", new.record, {}.get)


class Leaving(Exception):  # noqa: N818 - not an error
    pass


def test_a_process_that_was_frozen_leaves() -> None:
    now = 0.0

    def leave() -> None:
        raise Leaving

    fence = Fence(10.0, clock=lambda: now, leave=leave)
    now = 5.9
    fence.check()
    now = 6.1
    with pytest.raises(Leaving):
        fence.check()


def test_a_process_whose_machine_was_suspended_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a machine is suspended CLOCK_MONOTONIC stands still, CLOCK_BOOTTIME goes on."""
    suspended = 0.0
    real = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda clock: real(clock) + (suspended if clock == time.CLOCK_BOOTTIME else 0.0))
    left = threading.Event()
    with Fence(10.0, leave=left.set) as fence:
        fence.check()
        assert not left.is_set()
        suspended = 3600.0
        fence.check()
        assert left.is_set()


def test_the_fence_has_a_clock_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    before = time.monotonic()
    assert before <= boot_seconds() <= time.monotonic()


@given(st.text(min_size=1, max_size=10), st.integers(-40_000, 40_000), st.binary(max_size=16))
def test_a_training_request_survives_its_encoding(ticker: str, cutoff: int, digest: bytes) -> None:
    request = decode_request(encode_request(ticker, DueTraining(cutoff, digest)))
    assert (request.ticker, request.cutoff, bytes.fromhex(request.digest)) == (ticker, cutoff, digest)


@pytest.mark.parametrize("payload", [None, b"", b"{}", b"[]", b'{"ticker": "", "cutoff": 1, "digest": ""}'])
def test_what_is_no_training_request_is_refused(payload: bytes | None) -> None:
    with pytest.raises(MessageError):
        decode_request(payload)


def test_partitions_are_those_of_kafkas_own_clients() -> None:
    from kafka.partitioner import murmur2

    assert [partition_of(key, 8) for key in (b"AAPL", b"MSFT", b"BRK-B")] == [
        (murmur2(key) & 0x7FFFFFFF) % 8 for key in (b"AAPL", b"MSFT", b"BRK-B")
    ]


def test_only_new_and_changed_bars_are_sent_again() -> None:
    published = PublishedBars()
    published.add(BATCHES[0])
    assert published.missing(BATCHES[0]) == []
    assert published.missing(altered(BATCHES[0], 7)) == [7]
    assert published.missing(BATCHES[1]) == list(range(50))


def test_a_password_that_is_missing_is_named() -> None:
    with pytest.raises(BrokerError, match="KAFKA_PASSWORD"):
        client_options(load_settings(kafka_security="SASL_SSL", kafka_username="me"))


def test_passwords_reach_the_client_and_no_log() -> None:
    settings = load_settings(kafka_security="SASL_SSL", kafka_username="me", kafka_password="secret", kafka_ca_file="ca.pem")
    options = client_options(settings)
    assert (options["security_protocol"], options["sasl_plain_password"], options["ssl_cafile"]) == (
        "SASL_SSL",
        "secret",
        "ca.pem",
    )
    assert "secret" not in repr(settings)
