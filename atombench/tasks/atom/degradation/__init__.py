"""Damage of sections as in histology: each step is a file, with ranges, a draw and an application of its own."""
