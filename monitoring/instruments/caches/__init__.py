"""Counts every cache operation, with any backend."""
