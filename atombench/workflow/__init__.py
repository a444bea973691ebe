"""What the workflow does beside its rules: run lock, left-over processes and jobs, truncated files, GPU lease."""
