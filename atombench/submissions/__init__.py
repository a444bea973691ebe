"""Submissions: exported queries, submitted predictions and methods, their validation and their scoring."""
