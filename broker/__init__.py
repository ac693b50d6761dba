"""Kafka as everyone here meets it: how to connect, which topics there are, and a real broker on this machine."""
