"""A project of somebody else adopts the built package by the README's lines."""
