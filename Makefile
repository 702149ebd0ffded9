# `make demo` shows the main job; `make test` proves it. Both install what they need into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Two processes share the tests; a file stays whole in one, so that what its tests share is made once. What runs a whole
# Perfuscope comes last: one that tests share lives as long as they.
QUICK := tests/unit tests/contract tests/golden
WITH_PROCESSES := tests/integration tests/e2e tests/browser tests/chaos
ARGS ?=
# Many processes start here, and each would compile all of the application anew.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help install install-dev demo train-demo test check types rules fmt bench evidence pins clean

help:  ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.base  ## Install the application into .venv (no TensorFlow)

install-dev: .venv/.dev  ## Install everything: training and development tools too

demo: .venv/.base  ## Push simulated studies through a whole Perfuscope (ARGS=--exit stops afterwards)
	@$(BIN)/perfuscope demo $(ARGS)

train-demo: .venv/.dev  ## Train a small model on simulated patients and evaluate it (minutes; results in build/train-demo)
	@tests/train-demo

test: .venv/.dev  ## Run every test (installs missing system packages)
	@tests/system-packages
	@[ -d tests/browser/node_modules/axe-core ] || npm ci --silent --no-audit --no-fund --prefix tests/browser
ifeq ($(ARGS),)
	@$(BIN)/python -m pytest $(QUICK) --numprocesses 2 --dist loadfile
	@$(BIN)/python -m pytest $(WITH_PROCESSES) --numprocesses 2 --dist loadfile
else
	@$(BIN)/python -m pytest $(ARGS)
endif

check: .venv/.dev  ## Lint, format, types, import rules
	@$(MAKE) --no-print-directory --jobs 2 types rules

types: .venv/.dev
	@$(BIN)/mypy

rules: .venv/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

fmt: .venv/.dev  ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: .venv/.dev  ## Measure speeds side by side, as ratios
	@$(BIN)/python tests/bench/run.py $(ARGS)

evidence: .venv/.dev  ## The long proofs; resumable; results go to docs/evidence.md
	@$(BIN)/python tests/evidence/run.py $(ARGS)

pins: .venv/.dev  ## Choose the pinned versions anew
	@$(PIP) install pip-tools
	@$(BIN)/pip-compile --quiet --upgrade --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--no-annotate --no-header --output-file requirements/base.txt pyproject.toml
	@$(BIN)/pip-compile --quiet --upgrade --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--no-annotate --no-header --allow-unsafe --constraint requirements/base.txt --extra training --extra dev \
		--output-file requirements/dev.txt pyproject.toml

clean:  ## Remove .venv and caches
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Perfuscope needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -m venv .venv

.venv/.base: requirements/base.txt pyproject.toml | .venv/bin/python
	@echo "Installing Perfuscope into .venv"
	@$(PIP) install -r requirements/base.txt  # compiled, or the first study would wait for that
	@$(PIP) install --no-deps --editable .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.base
	@echo "Installing training and development tools into .venv"
	@$(PIP) install --no-compile -r requirements/dev.txt  # of 14,000 files few are ever loaded
	@touch $@
