"""From the merged registry to what a scraper reads; shared by the URL and the exporter."""
