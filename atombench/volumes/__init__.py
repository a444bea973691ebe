"""Volumes: from a registry row to verified source files and a curated `VolumeSet`."""
