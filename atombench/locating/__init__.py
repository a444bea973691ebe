"""Locate a section in a scan: the files, the search, and what is written for the user."""
