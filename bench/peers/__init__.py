"""How the same is done elsewhere, written as its users write it."""
