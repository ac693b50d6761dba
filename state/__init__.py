"""What is kept on disk, in RocksDB: histories, forecast rows, trained models and the two-level cache.

One process writes; any number of others read through RocksDB secondaries (`state.readers`) while it does. Only this package
imports rocksdict. The codecs (`state.history_codec`, `records.encode_forecast`) are pure: another engine's tables can hold the
same bytes.
"""
