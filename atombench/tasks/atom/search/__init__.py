"""Searches for the pose of a section: candidates of a volume, compared by a measure of similarity, and refined."""
