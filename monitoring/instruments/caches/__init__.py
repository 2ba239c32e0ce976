"""Caches: every operation counted, whatever the backend."""
