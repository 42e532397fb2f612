# The only list of developer commands; `make help` explains them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help report test install lab lint types bench mutation catalogue screenshots clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-10s %s\n", $$1, $$2}'

report: $(VENV)/.run ## install, make sample data where there is none, run the night, print where the site and the PDFs are
	@$(BIN)/kpi sample --missing
	@$(BIN)/kpi nightly

# With bytecode whatever the environment says: without it each worker and each night compiles everything.
test: $(VENV)/.dev ## the default tests: about a minute, no browser, no Quarto, no cloud
	PYTHONDONTWRITEBYTECODE= TZ=$(or $(TZ),UTC) $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not googlesql and not browser and not bigquery" $(TESTS)

install: $(VENV)/.dev ## everything a developer needs, into .venv

lab: $(VENV)/.lab ## JupyterLab on the tour of the published warehouse
	$(BIN)/jupyter lab notebooks/explore/tour.ipynb

lint: $(VENV)/.dev ## ruff, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.dev ## strict types
	$(BIN)/mypy

bench: $(VENV)/.dev ## speed as ratios against peers in the same run
	$(BIN)/python -m tests.bench

mutation: $(VENV)/.dev ## by hand, half an hour: change the engine a little, many times; what does no test notice?
	$(BIN)/python -m tests.mutation

catalogue: $(VENV)/.run ## docs/catalogue.md, what every figure means, from the definitions
	@$(BIN)/kpi definitions --write docs/catalogue.md

screenshots: $(VENV)/.dev ## the README's pictures, from the published site (needs Chromium)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[browser]'
	$(BIN)/python -m tests.browser.screenshots

clean: ## remove the environment and caches; data and reports stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# One stamp a set of packages: made again only when pyproject.toml changes.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 ..."; exit 2; }
ifeq ($(UV),)
	$(PYTHON) -m venv $(VENV)
else
	uv venv --quiet --python $(PYTHON) $(VENV)
endif

define install_extras
	@echo "installing into $(VENV) (once) ..."
	@$(if $(UV),uv pip install --quiet --compile-bytecode --python $(BIN)/python,$(BIN)/python -m pip install --quiet --disable-pip-version-check) -e '.$(1)'
	@touch $@
endef

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(call install_extras,)

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(call install_extras,[dev])
	@touch $(VENV)/.run

$(VENV)/.lab: pyproject.toml | $(VENV)/bin/python
	$(call install_extras,[lab])
	@touch $(VENV)/.run
