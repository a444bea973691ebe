"""The task `atom` (Wang et al., arXiv 2406.04105): a small section, a volume, and the block it was cut from."""
