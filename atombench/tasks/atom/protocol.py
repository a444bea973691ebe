"""Version of the task's samplers, labels and metrics."""

PROTOCOL = "1.0"
"""Increased when a sampler, a label or a metric changes, so that boards never mix two versions."""

PRIMARY = "fine_recall@1"
"""Metric by which methods are ranked, under the strict protocol."""
