"""The write side: counts requests, queries, cache operations and tasks. It reads no metric file.

What it keeps elsewhere (active sessions, slow requests) is read in the module that writes it,
because each format has one home.
"""
