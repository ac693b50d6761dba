"""RocksDB options for a stream worker: dozens of small databases share one cache and one memory budget."""

from __future__ import annotations

from typing import Final

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, WriteBufferManager

#: For all databases together. Beyond it the fullest buffers are written to disk in the background. Each reader keeps the same
#: values in its memory until then, so it grows for as long as the buffers take to fill. In a backfill of 500 tickers RocksDB
#: takes 0.6 s of CPU time with 12 MB, 0.65 s with 6 MB and 0.75 s with 4 MB. For single bars 12 and 6 MB are equal (a script
#: that is not kept).
_BUFFERS_BYTES: Final = 6 << 20
#: With Faust's small buffers a backfill, and the whole process, stopped for seconds until a file was written.
_BUFFER_BYTES: Final = 8 << 20
_BUFFERS: Final = 6
#: The memory of a database with a single row; the default is an eighth of a buffer.
_ARENA_BYTES: Final = 64 << 10
_FILE_BYTES: Final = 16 << 20
_OPEN_FILES: Final = 64
_LOG_BYTES: Final = 1 << 20


class SharedMemory:
    """The memory that all databases opened with these options share."""

    def __init__(self, *, cache_bytes: int) -> None:
        self._cache = Cache(cache_bytes)
        self._buffers = WriteBufferManager(_BUFFERS_BYTES, allow_stall=False)

    def options(self) -> Options:
        """Options for another database of plain bytes, created if missing."""
        options = Options(raw_mode=True)
        options.create_if_missing(create_if_missing=True)
        options.set_write_buffer_manager(self._buffers)
        options.set_write_buffer_size(_BUFFER_BYTES)
        options.set_max_write_buffer_number(_BUFFERS)
        options.set_arena_block_size(_ARENA_BYTES)
        options.set_target_file_size_base(_FILE_BYTES)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_max_open_files(_OPEN_FILES)
        options.set_keep_log_file_num(2)
        options.set_max_log_file_size(_LOG_BYTES)
        options.set_stats_dump_period_sec(0)
        table = BlockBasedOptions()
        table.set_block_cache(self._cache)
        table.set_cache_index_and_filter_blocks(True)
        table.set_bloom_filter(10, block_based=False)
        options.set_block_based_table_factory(table)
        return options
