"""Kafka: how to connect, which topics there are, what workers agree on, and a broker on this machine."""
