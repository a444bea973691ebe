"""Training: the loop that every network goes through, and its losses."""
