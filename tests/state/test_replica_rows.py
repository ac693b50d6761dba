"""Which records of the topic become rows of a replica, and with which revision."""

from __future__ import annotations

from broker.claims import CLAIM_PREFIX, Claim, Standing
from records import encode_forecast
from state.partition_copy import Record
from state.replica_rows import Row, select_rows
from state.stamp import Revision
from tests.made.rows import forecast, newer_forecast

AAA = encode_forecast(forecast("AAA"))


def claimed(offset: int, incarnation: int, follows: int, writer: bytes = b"one") -> Record:
    return Record(offset, CLAIM_PREFIX + writer, b"{}", Claim(incarnation, follows, 0, 0))


def written(offset: int, incarnation: int, claim: int, value: bytes | None = AAA, key: bytes = b"AAA") -> Record:
    return Record(offset, key, value, Claim(incarnation, claim, 0, 0))


def test_rows_of_the_standing_claim_count_with_their_place() -> None:
    taken = select_rows([claimed(0, 0, 0), written(1, 0, 1), written(2, 0, 1, None, b"BBB")], Standing())
    assert taken.rows == {b"AAA": Row(AAA, Revision(0, 1)), b"BBB": Row(None, Revision(0, 2))}
    assert taken.standing == Standing(0, 1)
    assert (taken.left_out, taken.void) == ([], [])


def test_records_of_an_earlier_claim_are_void_whichever_batch_they_come_in() -> None:
    records = [written(4, 0, 1), claimed(5, 0, 1, b"two"), written(6, 0, 1), written(7, 0, 6), written(8, 0, 1, None)]
    whole = select_rows(records, Standing(0, 1))
    assert whole.rows == {b"AAA": Row(AAA, Revision(0, 7))}
    assert whole.void == [6, 8]
    standing, void = Standing(0, 1), []
    for record in records:
        taken = select_rows([record], standing)
        standing, void = taken.standing, void + taken.void
    assert (standing, void) == (whole.standing, whole.void)


def test_records_without_a_claim_count_until_the_first_claim() -> None:
    plain = Record(3, b"AAA", AAA, None)
    assert select_rows([plain], Standing()).rows == {b"AAA": Row(AAA, Revision(0, 3))}
    after = select_rows([claimed(0, 0, 0), plain], Standing())
    assert (after.rows, after.void) == ({}, [3])


def test_a_rebuild_leaves_the_rows_and_makes_the_newer_ones_newer() -> None:
    taken = select_rows([claimed(900, 1, 0), written(901, 1, 901), written(902, 0, 7, None)], Standing(0, 7))
    assert taken.rows == {b"AAA": Row(AAA, Revision(1, 901))}, "and no deletion of the others"
    assert taken.void == [902]


def test_what_no_reader_could_use_is_left_out_with_the_reason() -> None:
    records = [
        written(1, 0, 1, b"no row"),
        written(2, 0, 1, newer_forecast("AAA")),
        written(3, 0, 1, AAA, b"BBB"),
        written(4, 0, 1, AAA, b"\xff"),
        written(5, 0, 1, AAA, b""),
        written(6, 0, 1, AAA, b"\0something"),
    ]
    taken = select_rows(records, Standing(0, 1))
    assert (taken.rows, taken.void) == ({}, [])
    assert [offset for offset, _ in taken.left_out] == [1, 2, 3, 4, 5], "the last one is bookkeeping"
    reasons = [reason for _, reason in taken.left_out]
    assert "not a forecast row" in reasons[0]
    assert "version 99" in reasons[1]
    assert "belongs to AAA" in reasons[2]
    assert reasons[3:] == ["its key is not a ticker", "it has no ticker"]
