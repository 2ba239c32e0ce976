"""Asking databases, Redis and Celery's broker, each within a deadline."""
