"""Execution of submitted methods in a confined child process."""
