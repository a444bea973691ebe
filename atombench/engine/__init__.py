"""What every task shares: the contract of methods, their registry, answers, weights, exchanges and the sandbox."""
