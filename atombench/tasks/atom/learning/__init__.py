"""What the networks of `atom` share: batches of sections, losses, scoring."""
