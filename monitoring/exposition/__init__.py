"""Turns the merged registry into the answer to a scrape, for the URL and for the exporter."""
