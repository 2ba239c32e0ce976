"""Databases: every query counted and timed, slow ones written down, servers asked how they are."""
