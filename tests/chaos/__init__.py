"""A whole site under load while everything it stands on is disturbed; the seed says how."""
