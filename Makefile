# `make run` and `make test` set everything up by themselves; the others build on the same set-up.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo test lint types bench fuzz check setup lock clean layers docs torture faults soak beside

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FUZZ_INPUTS ?= 1000000

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "This needs Python 3.11 or later. Call: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing. Install it (Debian: python3-venv) and call again." >&2; exit 1; }
	@echo "Setting up $(VENV) (once, about half a minute) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(READY)  ## make .venv with everything pinned in requirements.lock

run: $(READY)  ## open a recorded terminal (or attach to the one that waits)
	@command -v cctm >/dev/null \
	  || echo "To call cctm by its name: . $(BIN)/activate in this shell, or pipx install . for good." >&2
	@$(BIN)/cctm daemon start >/dev/null
	@$(BIN)/cctm || true  # its status is that of the shell's last command

demo: $(READY)  ## a tour without a keyboard
	@$(BIN)/python docs/demo.py

test: $(READY)  ## all tests with coverage; with ARGS="-k name" those, and no coverage is asked of them
ifeq ($(strip $(ARGS)),)
	@rm -f .coverage .coverage.*
	@COVERAGE_PROCESS_START=pyproject.toml $(BIN)/python -m coverage run -m pytest -n 2 --dist worksteal
	@$(BIN)/python -m coverage combine --quiet 2>/dev/null || true  # processes killed in a test leave unreadable data
	@$(BIN)/python -m coverage report --format=total --include='cctm/protocol/*,cctm/archive/*' --fail-under=98 \
	  | sed 's/^/branch coverage of protocol and archive: /; s/$$/ %/'
	@$(BIN)/python -m coverage report --fail-under=90
else
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)
endif

docs: $(READY)  ## docs/commands/ anew, from what the commands say of themselves
	@$(BIN)/python docs/commands.py

lint: $(READY)  ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)  ## mypy, strict
	@$(BIN)/mypy

layers: $(READY)  ## import-linter: who may import whom
	@$(BIN)/lint-imports

bench: $(READY)  ## side by side with tmux, screen, dtach, script, asciinema
	@$(BIN)/python -m bench $(ARGS)

fuzz: $(READY)  ## FUZZ_INPUTS inputs at each decoder
	@PYTHONPATH=tests $(BIN)/python -m tests.fuzz $(FUZZ_INPUTS)

torture: $(READY)  ## the survival test at full length: 200 MB, 100 kills, 20 restarts, an upgrade; 1,000 terminals
	@CCTM_TEST_KILLS=100 CCTM_TEST_RESTARTS=20 CCTM_TEST_STREAM_BYTES=200000000 CCTM_TEST_RATE=1500000 \
	  CCTM_TEST_EVERY=1 $(BIN)/python -m pytest -v tests/e2e/test_survival.py tests/e2e/test_many.py

faults: $(READY)  ## sharing while all of it fails: 50 kills of host, guest, relay each, wiped relays, bad roads, cuts to 90 s
	@CCTM_TEST_FAULTS=50 CCTM_TEST_CUTS_S=1,10,30,90 CCTM_TEST_QUIET_S=3 \
	  $(BIN)/python -m pytest -v tests/e2e/sharing/test_faults.py

soak: $(READY)  ## SOAK_S seconds: 50 terminals shared with 200 guests who come, go and are cut off
	@PYTHONPATH=tests $(BIN)/python -m tests.soak

beside: $(READY)  ## the host's echo beside a dead guest, a slow one, and 500
	@PYTHONPATH=tests $(BIN)/python -m tests.beside_guests

check: lint types layers test  ## everything that must hold before a commit lands

lock:  ## pin again what pyproject.toml asks for (needs uv)
	uv pip compile --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  --no-emit-find-links --python-version 3.11 --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
