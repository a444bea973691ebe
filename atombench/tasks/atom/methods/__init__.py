"""Methods of the task `atom`, one file each."""
