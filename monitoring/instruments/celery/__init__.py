"""Counts and times Celery tasks."""
