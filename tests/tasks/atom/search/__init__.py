"""Tests of the searches of `atom`."""
