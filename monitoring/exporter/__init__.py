"""The exporter: a process of its own that answers scrapes while every worker is busy."""
