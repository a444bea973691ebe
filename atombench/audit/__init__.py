"""Audit of datasets and boards: duplicates, leaks, empty sections, and what the sampler does."""
