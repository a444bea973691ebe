"""Code shared by all tasks: the contract of methods, their registry, answers, weights, exchanges and the sandbox."""
