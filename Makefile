# `make run` starts the service, `make test` runs every test. Both prepare .venv from locked, hashed
# requirements; once that is done, they start at once.
PYTHON ?= python3
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALLED := $(VENV)/.installed
TESTABLE := $(VENV)/.testable

.PHONY: run test pythons install bench bench-compare bench-hooks bench-bad-day fuzz conformance docs screenshots dist sbom lint audit-dependencies lock clean

run: $(INSTALLED)
	@$(BIN)/fhir-massage serve --port $(PORT)

test: $(TESTABLE)
	@scripts/browser
	@scripts/java
	@scripts/postgresql
	$(BIN)/python -m pytest $(if $(TESTS),$(TESTS),-n auto)

# The tests under each Python that is promised and is on this machine, each in an environment of its own.
pythons:
	@for version in 3.11 3.12 3.13 3.14; do \
	  if python=$$(scripts/find-python $$version); then \
	    $(MAKE) test PYTHON=$$python VENV=.venv-$$version || exit 1; \
	  else echo "Python $$version is not on this machine: NOT tested"; fi; \
	done

install: $(INSTALLED)

bench: $(TESTABLE)
	@$(BIN)/python -m bench

# The ratios beside those stored in bench/baseline.json; fails where one is twice as bad.
bench-compare: $(TESTABLE)
	@$(BIN)/python -m bench --compare

# The hooks under load on loopback beside an empty Flask route; two minutes, and needs wrk (apt-get install wrk).
bench-hooks: $(TESTABLE)
	@$(BIN)/python -m bench.hooks

# What others wait for while the service is attacked.
bench-bad-day: $(TESTABLE)
	@$(BIN)/python -m bench.bad_day

# Writes the conformance table anew from the tests' markers and our answers.
conformance: $(TESTABLE)
	@$(BIN)/python -m docs.conformance.table

# A million changed messages to every door; REQUESTS= and SEED= for others.
fuzz: $(TESTABLE)
	@$(BIN)/python -m fuzz --requests $(or $(REQUESTS),1000000) --seed $(or $(SEED),1)

docs: $(TESTABLE)
	@$(BIN)/python -m docs.build
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet && echo "The site is in site/: open site/index.html"

# Takes the pictures that the documentation shows anew, as the browser tests see the pages.
SHOWN := review-light hooks-card answers-light
screenshots: $(TESTABLE)
	@scripts/browser
	$(BIN)/python -m pytest -q tests/web/workbench
	cp $(SHOWN:%=build/screenshots/%.png) docs/screenshots/

lint: $(TESTABLE)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Holds the locked dependencies against published vulnerabilities; says so where those cannot be reached.
# ADVISORIES= names a folder of them, for where there is no network (docs/security.md).
audit-dependencies: $(TESTABLE)
	@ADVISORIES="$(ADVISORIES)" $(BIN)/python -m scripts.audit_dependencies requirements.txt requirements-test.txt

# The wheel and the source archive: the same bytes whenever and wherever they are built of the same commit.
dist: $(INSTALLED)
	rm -rf dist
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 315619200)} $(BIN)/python -m build --no-isolation

# What the locked dependencies are, as a CycloneDX bill of materials: from the lock, without a network.
sbom: $(TESTABLE)
	@$(BIN)/python -m scripts.sbom dist/sbom.json

# For maintainers: writes the locks anew (needs uv).
lock:
	uv pip compile --universal --generate-hashes --no-emit-index-url --group build --extra audit --extra postgres \
	  pyproject.toml -o requirements.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --group build --all-extras \
	  pyproject.toml -c requirements.txt -o requirements-test.txt

clean:
	rm -rf $(VENV) .venv-3.* build dist site *.egg-info

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
