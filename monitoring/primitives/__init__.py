"""What several rooms need and nobody should write twice. Knows nothing of metrics."""
