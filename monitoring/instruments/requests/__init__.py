"""Requests: counted and timed; sessions and slow requests noted."""
