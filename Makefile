# Every command of the project. `make` or `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-compile

# Python keeps what it compiled, also where it is told not to: every process that starts would compile all anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
LINTERS := types style imports templates dead spelling
.PHONY: $(LINTERS:%=lint-%)
.PHONY: help up down reset release test e2e lint format bench bench-backups bench-fleet bench-metrics bench-insights migration lock

help: ## List the commands
	@awk -F':.*## ' '/^[a-z0-9_-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.product static/vendor/.built ## Start the whole product on this machine (Ctrl-C stops it)
	@exec $(BIN)/python -m dashboard.stack up

down: $(VENV)/.product ## Stop a product started by `make up`
	@exec $(BIN)/python -m dashboard.stack down

reset: $(VENV)/.product ## Stop it and delete its data folder (asks first)
	@exec $(BIN)/python -m dashboard.stack reset

release: $(VENV)/.product static/vendor/.built ## Release this code: backup, migrations, restart, smoke tests (ARGS=--approve …)
	@exec $(BIN)/flask --app wsgi release run $(ARGS)

test: $(VENV)/.dev static/vendor/.built ## Run all tests on real servers, with the coverage gate
	@exec $(BIN)/python -m pytest $(ARGS)

e2e: $(VENV)/.dev static/vendor/.built ## Run the browser journeys only
	@exec $(BIN)/python -m pytest tests/e2e --no-cov $(ARGS)

lint: $(VENV)/.dev ## Check style, types, import rules, templates, spelling, dead code
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=target $(LINTERS:%=lint-%)

lint-types:
	@$(BIN)/mypy
lint-style:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
lint-imports:
	@$(BIN)/lint-imports
lint-templates:
	@$(BIN)/djlint --check --lint --quiet templates
lint-dead:
	@$(BIN)/vulture
	@$(BIN)/deptry .
lint-spelling:
	@$(BIN)/codespell

format: $(VENV)/.dev ## Rewrite code and templates in the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/djlint --reformat --quiet templates || true

bench: $(VENV)/.dev static/vendor/.built ## Measure the lists beside stock Flask-Admin and print ratios
	@exec $(BIN)/python -m bench $(ARGS)

bench-backups: $(VENV)/.dev ## Measure backups and restores beside the bare commands
	@exec $(BIN)/python -m bench.backups $(ARGS)

bench-fleet: $(VENV)/.dev ## Measure a change of 500 tenants, and their creation, beside psql
	@$(BIN)/python -m bench.fleet $(ARGS); fleet=$$?; $(BIN)/python -m bench.creating && exit $$fleet

bench-metrics: $(VENV)/.dev ## Measure the probes on 500 tenants, and what a day of their figures takes
	@exec $(BIN)/python -m bench.metrics $(ARGS)

bench-insights: $(VENV)/.dev static/vendor/.built ## Measure KPIs on ten million quote lines (ARGS=--scale 0.01)
	@exec $(BIN)/python -m bench.insights $(ARGS)

migration: $(VENV)/.dev ## Write a tenant migration from the models: make migration m="add x" [history=tenant]
	@exec $(BIN)/flask --app wsgi migrations new $(or $(history),tenant) "$(m)"

lock: $(VENV)/.dev ## Compile the pinned, hashed requirements again (needs uv on the PATH)
	uv pip compile requirements.in --universal --python-version 3.11.4 --generate-hashes --no-emit-index-url -o requirements.txt
	uv pip compile requirements-dev.in --universal --python-version 3.11.4 --generate-hashes --no-emit-index-url -o requirements-dev.txt
	uv pip compile requirements-barman.in --override requirements-barman.override --universal --python-version 3.11.4 --generate-hashes --no-emit-index-url -o requirements-barman.txt
	uv pip compile requirements-node.in --universal --python-version 3.11.4 --generate-hashes --no-emit-index-url -o requirements-node.txt

$(VENV)/bin/python:
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.product: requirements.txt requirements-barman.txt | $(VENV)/bin/python
	@echo "Installing the product's packages"
	@$(PIP) -r requirements.txt
	@$(PIP) --no-deps -r requirements-barman.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.product | $(VENV)/bin/python
	@echo "Installing the test and lint tools"
	@$(PIP) -r requirements-dev.txt
	@touch $@

# npm comes from the machine, else from a wheel.
static/vendor/.built: package.json package-lock.json static/build.py | $(VENV)/.product
	@command -v npm >/dev/null 2>&1 || $(PIP) -r requirements-node.txt
	@$(BIN)/python static/build.py
	@touch $@
