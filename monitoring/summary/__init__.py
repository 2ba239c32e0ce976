"""The admin summary: snapshots of the merged registry, windows between them, figures of a window.

Pure in the middle (quantile, window, figures), with files and HTTP at the edges.
"""
