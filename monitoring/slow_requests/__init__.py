"""Details of the last slow requests, of all processes: in Redis, else in a bounded file."""
