"""The status page's script as modules: `python -m page.source` writes its one file."""
