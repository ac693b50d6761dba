"""The engine in one process: from a source of bars to rows in a state folder."""
