"""The write side: what is counted, and how. Imports nothing of the read side."""
