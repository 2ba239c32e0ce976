"""The status page in Django's admin, whose figures come from our own endpoints."""
