# make run           install into .venv, then the default run on embedded data (no download)
# make test          install into .venv, then the unit tests
# make test-thorough whole matrices of which .ci/run makes a part: kill -9 in every step in every way, all methods on real data
# make coverage      the unit tests with coverage; fails below the limit in pyproject.toml
# make lint          style, types, declared dependencies, direction of imports, workflow
# make bench         benchmarks of speed
# make test-cluster  every fault that a cluster may have, on a private SLURM (root, Debian's slurm packages; over an hour)
PYTHON ?= python3
WORKERS ?= 2
CORES ?= $(shell nproc 2>/dev/null || echo 2)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run test test-thorough coverage test-cluster lint bench
run: .venv/installed
	snakemake --cores $(CORES)

test: .venv/installed
	pytest -n $(WORKERS) --dist worksteal $(MORE)

test-thorough: .venv/installed
	pytest -m thorough -n $(WORKERS) --dist loadgroup

coverage:
	$(MAKE) test MORE='--cov --cov-report=term'

test-cluster: .venv/installed
	pytest -s -m "cluster or long" tests/slurm

lint: .venv/installed
	ruff check .
	ruff format --check .
	mypy
	deptry atombench
	deptry tests benchmarks --exclude '\.venv' --ignore DEP002,DEP004
	lint-imports --no-logo
	snakefmt --check Snakefile rules
	snakemake --lint

bench: .venv/installed
	for script in benchmarks/bench_*.py; do python $$script || exit 1; done

# Install again only when the requirements have changed.
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ATOM-Bench needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
