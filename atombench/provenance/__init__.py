"""Where a result comes from: code, machine and cost."""
