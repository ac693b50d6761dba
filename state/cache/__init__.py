"""The two-level cache: results of functions, in memory and in RocksDB, keyed by the whole content of their arguments."""

from state.cache.two_level import TwoLevelCache, cached, use_cache

__all__ = ["TwoLevelCache", "cached", "use_cache"]
