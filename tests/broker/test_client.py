"""How clients connect, and where keys go."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.client import client_options
from broker.group import group_view
from broker.ports import free_port
from broker.topics import partition_of
from errors import BrokerAwayError, BrokerError, SettingsError
from settings import load_settings


def test_partitions_are_those_of_kafkas_own_clients() -> None:
    from kafka.partitioner import murmur2

    assert [partition_of(key, 8) for key in (b"AAPL", b"MSFT", b"BRK-B")] == [
        (murmur2(key) & 0x7FFFFFFF) % 8 for key in (b"AAPL", b"MSFT", b"BRK-B")
    ]


def test_a_password_that_is_missing_is_named() -> None:
    with pytest.raises(BrokerError, match="KAFKA_PASSWORD"):
        client_options(load_settings(kafka_security="SASL_SSL", kafka_username="me"))


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A client had waited for 17 s, and said that Kafka gives no answer."""
    with pytest.raises(SettingsError, match=r"KAFKA_CA_FILE: .*absent\.pem cannot be read: name a PEM file"):
        client_options(load_settings(kafka_security="SSL", kafka_ca_file=tmp_path / "absent.pem"))


def test_passwords_reach_the_client_and_no_log(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    settings = load_settings(kafka_security="SASL_SSL", kafka_username="me", kafka_password="secret", kafka_ca_file=authority)
    options = client_options(settings)
    assert (options["security_protocol"], options["sasl_plain_password"], options["ssl_cafile"]) == (
        "SASL_SSL",
        "secret",
        str(authority),
    )
    assert "secret" not in repr(settings)


def test_the_view_of_a_group_needs_no_wait_where_nothing_listens() -> None:
    """`status` says so at once: a client would try to reach a broker for 15 s and more."""
    with pytest.raises(BrokerAwayError, match=r"no answer from Kafka \(nothing listens there\); is it running\?"):
        group_view(load_settings(kafka_bootstrap=f"127.0.0.1:{free_port()}"), "bars")
