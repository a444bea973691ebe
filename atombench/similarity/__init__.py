"""Similarity of images that show the same number of pixels: measures shared by the searches of all tasks."""
