"""Estimates over clusters: bootstrap intervals, comparisons, ranks and chance levels, independent of any task."""
