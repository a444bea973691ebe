"""Tasks of the benchmark, one package each."""
