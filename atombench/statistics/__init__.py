"""Estimates over clusters: bootstrap intervals, comparisons, ranks and chance levels. It knows no task."""
