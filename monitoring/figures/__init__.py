"""Computes the figures of a time window, from this host's snapshots or from Prometheus."""
