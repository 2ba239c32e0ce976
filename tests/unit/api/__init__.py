"""Tests of monitoring.api."""
