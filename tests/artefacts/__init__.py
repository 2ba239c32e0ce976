"""Rules, dashboards and deployment files: what is promised of them without a user's server."""
