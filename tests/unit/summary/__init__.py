"""Tests of monitoring.summary."""
