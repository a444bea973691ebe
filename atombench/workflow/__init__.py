"""What surrounds the rules: run lock, orphaned processes and jobs, truncated and unfinished files, GPU lease, old results."""
