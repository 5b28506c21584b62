"""Bytes to sealed bytes: pure computation, no clock, no file, no log."""
