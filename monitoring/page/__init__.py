"""The status page in Django's admin: an entry, a view; its figures come from our own endpoints."""
