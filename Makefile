# Dure. `make help` lists the targets; everything lives in .venv, network/state and build.

RUNTIME ?= auto
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --quiet --custom-compile-command 'make lock'

# Compiling modules anew is half of what starting costs, so bytecode is kept whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

.venv/run.stamp: requirements/run.txt setup.cfg pyproject.toml
	@test -n '$(PYTHON)' || { echo 'Python 3.11, 3.12 or 3.13 is needed and none was found: install one, or name it with make PYTHON=...'; exit 1; }
	@echo 'Installing into .venv with $(PYTHON) (once)'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(UV) --require-hashes -r requirements/run.txt
	@$(UV) --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	@$(UV) --require-hashes -r requirements/dev.txt
	@touch $@

demo: .venv/run.stamp ## one loan from guidance to closing, then the attempts to cheat (RUNTIME=docker|emulator)
	@$(BIN)/dure demo --runtime $(RUNTIME)

up: .venv/run.stamp ## bring the consortium up (RUNTIME=docker|emulator)
	@$(BIN)/hlf network up --runtime $(RUNTIME)

status: .venv/run.stamp ## what runs, and how high each channel is
	@$(BIN)/hlf network status

down: .venv/run.stamp ## remove every container, process, key and block that `up` made
	@$(BIN)/hlf network down

test: .venv/dev.stamp ## unit, conformance against recordings, integration on the emulator
	@$(BIN)/pytest -n 2 --dist loadgroup

test-fabric: .venv/dev.stamp ## conformance and integration on real Fabric in Docker; refreshes the recordings
	@$(BIN)/pytest --fabric=docker tests/conformance tests/integration tests/scenarios tests/official

soak: .venv/dev.stamp ## what takes long: 50 kill -9 under load, random transactions against a model, broken bytes, 50,000 transactions
	@$(BIN)/pytest -p no:xdist -s -o python_files='soak_*.py' --timeout 7200 tests/soak

bench: .venv/dev.stamp ## measure, print ratios, write build/bench.json
	@$(BIN)/python -m tests.bench

lint: .venv/dev.stamp ## ruff, mypy --strict, import rules, module length, stubs
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python typings/generate.py --check
	@$(BIN)/python -m tests.conformance.table --check
	@$(BIN)/python -m tests.scenarios.features --check
	@$(BIN)/python -m tests.scenarios.reference --check
	@$(BIN)/pytest -q -p no:xdist tests/architecture

lock: .venv/dev.stamp ## resolve the dependencies anew, with hashes
	@$(LOCK) requirements/uv.in -o requirements/uv.txt
	@$(LOCK) setup.cfg requirements/build.in --extra network --extra analysis -o requirements/run.txt
	@$(LOCK) setup.cfg requirements/build.in --extra dev -o requirements/dev.txt

clean: ## remove what was built, not what runs
	@rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help demo up status down test test-fabric soak bench lint lock clean
