"""The training loop, checkpoints, devices and schedules of every network."""
