"""Prometheus-native multiprocess monitoring for Django."""

__version__ = "0.1.0"
