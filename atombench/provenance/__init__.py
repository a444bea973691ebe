"""Provenance of results: code, machine and cost."""
