"""The format of training requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import MessageError
from history.ticker_state import DueTraining
from streams.kafka.sending.messages import decode_request, encode_request


@given(st.text(min_size=1, max_size=10), st.integers(-40_000, 40_000), st.binary(max_size=16))
def test_a_training_request_survives_its_encoding(ticker: str, cutoff: int, digest: bytes) -> None:
    request = decode_request(encode_request(ticker, DueTraining(cutoff, digest)))
    assert (request.ticker, request.cutoff, bytes.fromhex(request.digest)) == (ticker, cutoff, digest)


@pytest.mark.parametrize("payload", [None, b"", b"{}", b"[]", b'{"ticker": "", "cutoff": 1, "digest": ""}'])
def test_what_is_no_training_request_is_refused(payload: bytes | None) -> None:
    with pytest.raises(MessageError):
        decode_request(payload)
