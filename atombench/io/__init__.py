"""Atomic writing and validated reading of files."""
