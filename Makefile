# make run     the gateway of gateway.example.toml, in its own virtual environment
# make test    every test, with coverage (installs browsers and brokers from Debian where they are missing)
# make test-unit    the tests that need no broker, browser or other process, in a minute or two
# make fuzz    a million random events through the encoder and an independent parser
# make mutants    300 changes of core/ and delivery/, drawn with a fixed seed; prints those that no test notices (an hour or two)
# make test-lowest    the engine's tests on the oldest libraries that pyproject.toml allows
# make check   format, lint, types, imports between layers
# make lock    write requirements/*.txt again, from pyproject.toml and requirements/*.in
# make dev     the virtual environment with everything that the other targets need

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock"
# Tests mostly wait, so there are more workers than cores.
WORKERS ?= 4

.PHONY: run test test-unit fuzz mutants test-lowest check lock dev
.DELETE_ON_ERROR:

run: .venv/runtime
	exec $(BIN)/sse-gateway serve gateway.example.toml

test: .venv/dev
	.ci/packages chromium firefox-esr nginx $$($(BIN)/python -m tests.brokers missing)
	$(BIN)/python -m tests.brokers fetch
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist loadgroup
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=100 --include='sse_gateway/core/*,sse_gateway/templates.py'
	$(BIN)/coverage report --fail-under=90

test-unit: .venv/dev
	$(BIN)/python -m pytest tests/core tests/config tests/delivery tests/public tests/admin tests/process tests/sources tests/sse tests/testing tests/test_*.py \
		--ignore tests/sse/clients --ignore tests/sse/test_on_servers.py --ignore tests/sse/test_servers.py

fuzz: .venv/dev
	$(BIN)/python -m tests.sse.streams 1000000

mutants: .venv/dev
	$(BIN)/python -m tests.mutants

test-lowest: .venv/dev
	$(PYTHON) -m venv --clear .venv/lowest
	$(BIN)/uv pip install --quiet --python .venv/lowest --require-hashes -r requirements/lowest.txt
	PYTHONPATH=.:connectors .venv/lowest/bin/python -m pytest --confcutdir tests/sse tests/sse --ignore tests/sse/test_servers.py \
		--ignore tests/sse/clients --ignore tests/sse/test_on_servers.py

check: .venv/dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: .venv/dev
	$(LOCK) pyproject.toml --extra all -o requirements/runtime.txt
	$(LOCK) requirements/build.in -o requirements/build.txt
	$(LOCK) pyproject.toml --all-extras requirements/dev.in -c requirements/runtime.txt -o requirements/dev.txt
	$(LOCK) requirements/lowest.in -o requirements/lowest.txt

dev: .venv/dev

.venv/runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | .venv
	$(PIP) install --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

.venv/dev: requirements/dev.txt pyproject.toml | .venv
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation -e . -e tests/plugin
	touch $@

test: tests/sse/clients/node_modules
tests/sse/clients/node_modules: tests/sse/clients/package-lock.json
	command -v curl >/dev/null || .ci/packages curl
	{ command -v npm >/dev/null || .ci/packages nodejs npm; } && npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund \
		&& touch $@ || echo "no eventsource for Node: its tests are skipped"

.venv:
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/packages python3-venv
	$(PYTHON) -m venv .venv
