"""Prometheus rules as code: `python -m prometheus.source` writes prometheus/rules/."""
