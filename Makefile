# learn · learn TORCH=1 · status · setup · test · evidence · site · lite · bench
# `make learn ARGS=--no-browser` prints the address in the place of opening it. `./course VERB` does the same without make.
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
ARGS ?=
TORCH ?=
# One thread for each test worker's BLAS: two workers with two threads each only get in each other's way.
export OMP_NUM_THREADS ?= 1
export PYTHON

.PHONY: learn status setup test evidence site lite bench

# JupyterLab and what NumPy questions need. TORCH=1 adds torch; so does `./course torch`, at any time.
learn:
	@$(if $(TORCH),./course torch,:)
	@./course learn $(ARGS)

status:
	@./course status

# Everything, for authors: torch comes in the same pip command as all the rest, with its pin (its CPU build: CONTRIBUTING, Pins).
setup:
	@COURSE_EXTRAS=torch,dev,site,lite ./course --version

test: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/run.py $(ARGS)

# Repeat every recorded measurement and compare; far longer than the tests.
evidence: setup
	./course dev evidence --check

bench: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/bench.py $(ARGS)

site: setup
	./course dev site

# JupyterLite, and around it the book with the buttons that open it. ARGS=--self-hosted: no page asks another host.
lite: setup
	./course dev lite $(ARGS)
	./course dev site
