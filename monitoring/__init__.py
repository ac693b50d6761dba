"""Whether the parts of the system do their work: pure judgements of what was measured, metrics, status. No I/O of its own."""
