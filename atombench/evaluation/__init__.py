"""Evaluation: protocols, statistics and result records. It knows predictions and labels, not methods."""
