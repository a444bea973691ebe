"""Reading and writing files: whole or not at all, and never trusting what is read."""
