"""Snapshots of the merged registry, windows between them, figures of a window."""
