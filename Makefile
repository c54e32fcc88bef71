PORT ?= 8080
STACK ?= dev
PYTHON := .venv/bin/python
LOCAL := $(PYTHON) -m local

.PHONY: up down status url output logs cql destroy cost test coverage test-long test-clients docs pictures lint lock

up: .venv/installed ## run everything __main__.py declares on this machine, until Ctrl-C
	@$(LOCAL) up --port $(PORT) --stack $(STACK)

down: ## stop it; the data stays
	@$(LOCAL) down

status: ## what is running
	@$(LOCAL) status

url: ## where the API is
	@$(LOCAL) output url

output: ## all outputs of the stack
	@$(LOCAL) output

logs: ## what the tasks write, as they write it
	@$(LOCAL) logs --follow

cql: ## CQL as administrator
	@$(LOCAL) cql

destroy: ## stop it and delete the data
	@$(LOCAL) destroy

cost: .venv/installed ## what the declared stack costs a month on AWS
	@$(PYTHON) -m costs --stack $(STACK)

test: lint ## what every change must pass
	@$(PYTHON) -m pytest --numprocesses 2 --dist worksteal -m "not long"

coverage: .venv/installed ## the same with branch coverage, a fifth slower; fails below the floor in pyproject.toml
	@$(PYTHON) -m pytest --numprocesses 2 --dist worksteal -m "not long" --cov --cov-report term

docs: docs/site/.venv/installed ## the documentation as a site, with a reference of the packages; in build/site
	@docs/site/.venv/bin/python docs/site/build.py

test-long: .venv/installed ## what takes minutes: soaks, a browser, the whole of another team's stack
	@command -v chromium chromium-browser google-chrome > /dev/null || echo "Chromium is missing, so the console is not tested in a browser: apt-get install chromium"
	@$(PYTHON) -m pytest -m long
	@$(PYTHON) -m pytest examples/orders/tests

test-clients: .venv/installed ## drivers of other languages against the local Keyspaces; it writes the table in docs/keyspaces.md
	@$(PYTHON) -m tests.clients

pictures: .venv/installed ## the pictures of docs/console.md anew, by a browser
	@$(PYTHON) -m pytest tests/local/test_console_browser.py
	@for picture in docs/console/*.png; do cp build/console/$$(basename $$picture) docs/console/; done

lint: .venv/installed
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

lock: .venv/installed ## make the pinned requirements anew from the *.in files and pyproject.toml
	@for name in requirements policy/requirements docs/site/requirements; do .venv/bin/uv pip compile $(COMPILE) $$name.in -o $$name.txt; done
	@.venv/bin/uv pip compile $(COMPILE) requirements-dev.in pyproject.toml --extra local-keyspaces -o requirements-dev.txt
	@for name in app/load-countries app/countries; do \
		.venv/bin/uv pip compile $(COMPILE) --generate-hashes $$name.requirements.in -o $$name.requirements.txt; done

COMPILE := --quiet --no-header --no-annotate --universal --python-version 3.11

.venv/installed: requirements-dev.txt pyproject.toml
	@echo "Installing into .venv"
	@python3 -m venv .venv
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@.venv/bin/uv pip install --quiet --python $(PYTHON) -r requirements-dev.txt
	@.venv/bin/uv pip install --quiet --python $(PYTHON) --no-deps --editable .
	@touch $@

docs/site/.venv/installed: docs/site/requirements.txt
	@echo "Installing into docs/site/.venv"
	@python3 -m venv docs/site/.venv
	@docs/site/.venv/bin/pip install --quiet --disable-pip-version-check -r docs/site/requirements.txt
	@touch $@
