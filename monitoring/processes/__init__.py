"""The host's processes seen from outside: their figures, gunicorn, listen queues."""
