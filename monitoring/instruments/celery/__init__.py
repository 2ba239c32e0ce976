"""Celery: tasks counted and timed."""
