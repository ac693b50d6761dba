"""A worker's tables: copies of changelogs, restored and proven whenever partitions are assigned."""
