"""The history of a ticker, and what follows from a new bar: editions, features, windows, due trainings, forecasts.

The package is pure: no RocksDB, no Kafka, no clock, no I/O. `state` stores its results, `streams` calls it.
"""
