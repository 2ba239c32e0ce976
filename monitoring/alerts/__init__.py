"""Alerts to admins: thresholds, their evaluation, states, notifications and their delivery."""
