"""Running submitted methods in a confined child process."""
