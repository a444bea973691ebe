"""Versions of the task's samplers, labels and metrics."""

PROTOCOL = "1.1"
"""Increased when a sampler, a label or a metric changes, so that boards never mix two versions."""

FIRST = "1.0"
"""First part of the keys of streams that are the same since version 1.0, among them all draws of `hard` and `easy`."""

PRIMARY = "fine_recall@1"
"""Metric by which methods are ranked, under the strict protocol."""
