"""`make run`: everything up on an embedded default, with one command."""
