"""Forecast rows as of earlier dates, made from a state folder by a process of its own, which a service starts when needed."""
