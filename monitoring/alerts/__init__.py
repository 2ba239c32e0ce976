"""Decides when alerts fire and are resolved, and tells the admins."""
