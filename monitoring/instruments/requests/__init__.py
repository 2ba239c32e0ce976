"""Counts and times requests; records active sessions and slow requests."""
