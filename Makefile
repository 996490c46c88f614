# Each word does all of its own set-up. The first use makes .venv; a second one is fast, until pyproject.toml changes.
#
#   make demo        watch it work, in a minute (KEEP=1 leaves it running)
#   make test        style, types and tests: what CI runs
#   make bench       the numbers the documentation quotes (QUICK=1: fewer rounds, two minutes)
#   make soak        a minute of everything at once, then the counts of what leaked (SECONDS=N: another length)
#   make parity      meshio and a real Envoy side by side (TOPICS="paths retries": some; RECORD=1: keep new answers;
#                    SEED=N: make up the same cases again; KEEP=1: keep the numbers for docs/parity.md)
#   make interop     against a real istiod, go-control-plane and Envoy
#   make proto       generate meshio/xds/proto anew

PYTHON := $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
BIN := .venv/bin
TESTS := tests

.DEFAULT_GOAL := help
.PHONY: help demo test style types bench soak interop parity proto tests

help:
	@sed -n 's/^#   //p' Makefile

demo: .venv/.with-demo
	@$(BIN)/python examples/demo

test: style types tests

style: .venv/.with-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/.with-test
	@$(BIN)/mypy

tests: .venv/.with-test
	@PYTHONASYNCIODEBUG=1 $(BIN)/pytest -n 2 -m "not interop" $(TESTS)

bench: .venv/.with-test .venv/.with-bench
	@missed=; for each in $$(grep -l __main__ benches/*.py | grep -v soak) benches/end_to_end; do $(BIN)/python $$each || missed="$$missed $$each"; done; \
	test -z "$$missed" || { echo "missed in:$$missed" >&2; exit 1; }

soak: .venv/.with-test
	@$(BIN)/python benches/soak.py

interop: .venv/.with-test .venv/.with-bench
	@tests/interop/provide
	@MESHIO_INTEROP=1 PATH="$(CURDIR)/.venv/peers:$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -m interop $(TESTS)

parity: .venv/.with-test .venv/.with-bench
	@$(BIN)/python tests/parity $(TOPICS) $(if $(RECORD),--record) $(if $(KEEP),--keep) $(if $(SEED),--seed $(SEED))

proto: .venv/.with-proto
	@$(BIN)/python meshio/xds/proto/generate.py

.venv/bin/pip:
	@test -n "$(PYTHON)" || { echo "meshio needs Python 3.11 or newer, with venv (Debian: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

# One stamp for each dependency group of pyproject.toml.
.venv/.with-%: pyproject.toml | .venv/bin/pip
	@echo "setting up .venv for $*"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group $*
	@touch $@
