"""Audit of datasets and boards: duplicates, leaks, empty sections, and statistics of the sampler."""
