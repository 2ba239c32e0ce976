"""`make run`: starts the whole reference project with one command."""
