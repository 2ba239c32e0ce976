"""The status page's script as modules: `python -m monitoring.page.source` writes its one file."""
