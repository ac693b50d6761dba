"""How clients connect, and where keys go."""

from __future__ import annotations

import pytest

from broker.client import client_options
from broker.group import group_view
from broker.ports import free_port
from broker.topics import partition_of
from errors import BrokerAwayError, BrokerError
from settings import load_settings


def test_partitions_are_those_of_kafkas_own_clients() -> None:
    from kafka.partitioner import murmur2

    assert [partition_of(key, 8) for key in (b"AAPL", b"MSFT", b"BRK-B")] == [
        (murmur2(key) & 0x7FFFFFFF) % 8 for key in (b"AAPL", b"MSFT", b"BRK-B")
    ]


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


def test_the_view_of_a_group_needs_no_wait_where_nothing_listens() -> None:
    """`status` says so at once: a client would try to reach a broker for 15 s and more."""
    with pytest.raises(BrokerAwayError, match=r"no answer from Kafka \(nothing listens there\); is it running\?"):
        group_view(load_settings(kafka_bootstrap=f"127.0.0.1:{free_port()}"), "bars")
