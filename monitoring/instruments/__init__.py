"""The write side: counts requests, queries, cache operations and tasks. It reads no metric file."""
