# `make run` starts the service, `make test` runs every test. Both prepare .venv from locked, hashed
# requirements; once that is done, they start at once.
PYTHON ?= python3
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALLED := $(VENV)/.installed
TESTABLE := $(VENV)/.testable

.PHONY: run test install bench bench-compare docs lint audit-dependencies lock clean

run: $(INSTALLED)
	@$(BIN)/fhir-massage serve --port $(PORT)

test: $(TESTABLE)
	@scripts/browser
	@scripts/java
	@scripts/postgresql
	$(BIN)/python -m pytest $(if $(TESTS),$(TESTS),-n auto)

install: $(INSTALLED)

bench: $(TESTABLE)
	@$(BIN)/python -m bench

# The ratios beside those stored in bench/baseline.json; fails where one is twice as bad.
bench-compare: $(TESTABLE)
	@$(BIN)/python -m bench --compare

docs: $(TESTABLE)
	@$(BIN)/python -m docs.build
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet && echo "The site is in site/: open site/index.html"

lint: $(TESTABLE)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Holds the locked dependencies against published vulnerabilities; says so where those cannot be reached.
audit-dependencies: $(TESTABLE)
	@scripts/audit-dependencies requirements.txt requirements-test.txt

# For maintainers: writes the locks anew (needs uv).
lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --group build --extra audit \
	  pyproject.toml -o requirements.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --group build --extra audit --extra docs --extra postgresql --extra spark --extra test \
	  pyproject.toml -c requirements.txt -o requirements-test.txt

clean:
	rm -rf $(VENV) build dist site *.egg-info

$(BIN)/python:
	@PYTHON="$(PYTHON)" scripts/venv $(VENV)

# The package goes in last, by the locked build tools, and asks no index.
$(INSTALLED): requirements.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.txt
	$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(TESTABLE): requirements-test.txt $(INSTALLED)
	$(PIP) install --require-hashes -r requirements-test.txt
	@touch $@
