"""The HTTP endpoints and their JSON shapes."""
