"""Asks databases, Redis and Celery's broker about themselves, each within a deadline."""
