"""The questions of the benchmark, one package each."""
