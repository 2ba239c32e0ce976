"""Counts and times every query; logs the slow ones."""
