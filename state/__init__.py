"""Storage in RocksDB: histories, forecast rows, trained models and the two-level cache.

One process writes. Any number of other processes read meanwhile, through RocksDB secondaries (`state.readers`). Only this
package imports rocksdict. The codecs (`state.history_codec`, `records.encode_forecast`) are pure, so the tables of another
engine can hold the same bytes.
"""
