"""One ticker's history and what follows from a bar: editions, features, windows, due trainings, forecasts.

All of it is pure: no RocksDB, no Kafka, no clock, no I/O. `state` stores what is computed here, `streams` drives it.
"""
