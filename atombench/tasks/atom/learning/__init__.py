"""Code shared by the networks of `atom`: batches of sections, losses, scoring."""
