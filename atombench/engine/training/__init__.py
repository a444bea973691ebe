"""Training loop, checkpoints, devices and schedules of all networks."""
