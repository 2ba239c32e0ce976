"""Reference pages as code: `python -m docs.source` writes docs/metrics.md and docs/settings.md."""
