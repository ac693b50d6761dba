"""RocksDB with plain bytes, small buffers, and the errors of this project."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rocksdict import AccessType, BlockBasedOptions, Cache, DbClosedError, DBCompressionType, Options, Rdict, WriteBatch

from errors import StateCorruptError
from state.rocksdb_errors import translated

#: RocksDB's default is 2 × 64 MB of write buffers per database. 4 MB hold two days of 500 tickers.
_WRITE_BUFFER_BYTES: Final = 4 << 20
#: For all databases of a process: a reader opens dozens, and with a cache each its memory grew for hours. The system's file
#: cache has the blocks as well; only unpacking them is saved.
_BLOCK_CACHE_BYTES: Final = 4 << 20
#: The default is an eighth of a write buffer for each database, however little is in it.
_ARENA_BYTES: Final = 64 << 10
#: A stored block of bars takes about 4 kB. A table block with several of them compresses better.
_TABLE_BLOCK_BYTES: Final = 16 << 10
_LOG_BYTES: Final = 1 << 20


class RocksDb:
    """An open RocksDB. Raises this project's errors; errors about damage contain `remedy`. Thread-safe."""

    def __init__(self, path: Path, access: AccessType, remedy: str, options: Options) -> None:
        self.path = path
        self.remedy = remedy
        #: Set by the first error about damage.
        self.is_damaged = False
        try:
            # Without the column family, an existing database is opened with its original options.
            self._rdict = Rdict(str(path), options, column_families={"default": options}, access_type=access)
        except Exception as error:
            raise self._translated(error) from error

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        try:
            value: bytes | None = self._rdict.get(key)
        except Exception as error:
            raise self._translated(error) from error
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of several keys, in their order."""
        try:
            values: Any = self._rdict.get(list(keys))
        except Exception as error:
            raise self._translated(error) from error
        return list(values)

    def iterate(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All keys with this prefix and their values, sorted by key, from a snapshot taken at the first item."""
        rows = None
        try:
            # rocksdict's own iterators end silently at a damaged block; this iterator has a status.
            rows = self._rdict.iter()
            rows.seek(prefix)
            while rows.valid():
                key: bytes = rows.key()
                if not key.startswith(prefix):
                    break
                yield key, rows.value()
                rows.next()
            rows.status()
        except Exception as error:
            raise self._translated(error) from error
        finally:
            # An error's traceback would keep the iterator alive, and the database open and locked after its close.
            del rows

    def write(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Write all changes or none; None deletes."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            self._rdict.write(batch)
        except Exception as error:
            raise self._translated(error) from error

    def catch_up(self) -> None:
        """Update a secondary to the last write of its writer."""
        try:
            self._rdict.try_catch_up_with_primary()
        except Exception as error:
            raise self._translated(error) from error

    def flush(self) -> None:
        """Write the values in memory to table files, and force these to the disk."""
        try:
            self._rdict.flush()
        except Exception as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Close; idempotent."""
        try:
            self._rdict.close()
        except DbClosedError:
            return
        except Exception as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> Exception:
        result = translated(error, self.path, self.remedy)
        self.is_damaged = self.is_damaged or isinstance(result, StateCorruptError)
        return result


def default_options() -> Options:
    """The options of the embedded state's databases."""
    options = Options(raw_mode=True)
    options.create_if_missing(create_if_missing=True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_arena_block_size(_ARENA_BYTES)
    options.set_max_total_wal_size(4 * _WRITE_BUFFER_BYTES)
    # zstd would need a fifth less disk, but three times as long to load a ticker.
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(_LOG_BYTES)
    options.set_stats_dump_period_sec(0)
    # A secondary must keep its files open: the writer deletes files after compaction.
    options.set_max_open_files(-1)
    table = BlockBasedOptions()
    table.set_block_cache(_block_cache())
    table.set_block_size(_TABLE_BLOCK_BYTES)
    table.set_bloom_filter(10, block_based=False)
    options.set_block_based_table_factory(table)
    return options


@functools.cache
def _block_cache() -> Cache:
    """The cache of all databases of this process."""
    return Cache(_BLOCK_CACHE_BYTES)
