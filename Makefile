# setup · learn · test · evidence · site · lite · bench      (`make learn ARGS=--no-browser` prints the address)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
ARGS ?=
# One thread for each test worker's BLAS: two workers with two threads each only get in each other's way.
export OMP_NUM_THREADS ?= 1

.PHONY: setup learn test evidence site lite bench

setup: $(VENV)/.ready

# Made anew when the pins or the metadata change. torch is named with its pin in the same command as all the rest.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[learn,dev,site,lite]'
	touch $@

learn: setup
	$(BIN)/course learn $(ARGS)

test: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/run.py $(ARGS)

# Repeat every recorded measurement and compare; far longer than the tests.
evidence: setup
	$(BIN)/course dev evidence --check

bench: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/bench.py $(ARGS)

site: setup
	$(BIN)/course dev site

# JupyterLite, and around it the book with the buttons that open it. ARGS=--self-hosted: no page asks another host.
lite: setup
	$(BIN)/course dev lite $(ARGS)
	$(BIN)/course dev site
