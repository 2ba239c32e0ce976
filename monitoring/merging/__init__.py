"""Merges the metric files of all slots into one registry."""
