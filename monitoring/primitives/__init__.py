"""Building blocks that several packages share. They know nothing of metrics."""
