"""The host's processes seen from outside: /proc, gunicorn, listen queues."""
