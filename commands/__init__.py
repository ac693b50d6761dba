"""What every command shares: its start, errors as one line, logging, progress, the memory of a process that runs for months."""
