"""Databases: every query counted and timed, slow ones written down."""
