# make run   install into .venv, then the default run on embedded data (no download)
# make test  install into .venv, then the unit tests
# make test-cluster  every fault that a cluster may have, on a private SLURM (root, Debian's slurm packages; over an hour)
PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || echo 2)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run test test-cluster lint bench
run: .venv/installed
	snakemake --cores $(CORES)

test: .venv/installed
	pytest

test-cluster: .venv/installed
	pytest -s -m "cluster or long" tests/slurm

lint: .venv/installed
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile rules
	snakemake --lint

bench: .venv/installed
	for script in benchmarks/bench_*.py; do python $$script || exit 1; done

# Installing again happens only when what is pinned has changed.
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ATOM-Bench needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
