# What developers type. `make help` lists it; docs/tutorial/ explains it.

PYTHON ?= python3
PORT ?= 8000
WORKERS ?= 2
TURNS ?= --in-turns

BIN := .venv/bin
# Where Python may not keep what it compiled, every process compiles all code again: a minute and a half of each suite.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
# What failed beside other tests is tried once more by itself, in a fresh process; what fails again is a fault.
AGAIN := $(BIN)/python -m pytest --last-failed --last-failed-no-failures none
ON_POSTGRESQL := "not browser and not no_database and not one_database"
# Beside another suite, and with a memory of its own of what failed.
IN_BROWSER := $(BIN)/python -m pytest -o cache_dir=.pytest_cache/browser
SOURCES := core plugins migrations tests bench tools conftest.py wsgi.py gunicorn.conf.py

.DEFAULT_GOAL := help
.PHONY: help bench-documents bench-imports reference run demo-passwords test install setup-test setup-bench lint format types contracts translations \
	translations-check test-statically test-sqlite test-postgresql test-browser test-full soak kill container-rehearsal bench

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## serve Doorstep with demo data on http://127.0.0.1:8000 (PORT=8001 changes it)
	@$(BIN)/doorstep setup
	@DOORSTEP_BASE_URL=$${DOORSTEP_BASE_URL-http://127.0.0.1:$(PORT)} $(BIN)/doorstep demo
	@$(BIN)/python tools/setup/serve.py $(PORT)

demo-passwords: install ## give the demo accounts new passwords and print them
	@$(BIN)/doorstep demo-passwords

test: setup-test ## everything that has to hold before a change is taken
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line test-statically test-sqlite
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line test-postgresql test-browser
	@echo "make test: lint, types, contracts, translations and the three suites passed."

install: ## system packages, virtual environment and translations; no data
	@$(PYTHON) tools/setup/system_packages.py run
	@$(PYTHON) tools/setup/virtualenv.py run
	@$(BIN)/python tools/translations.py compile

setup-test: ## install what the tests need
	@$(PYTHON) tools/setup/system_packages.py test
	@$(PYTHON) tools/setup/virtualenv.py test
	@$(BIN)/python tools/translations.py compile

setup-bench:
	@$(PYTHON) tools/setup/system_packages.py bench
	@$(PYTHON) tools/setup/virtualenv.py bench
	@.venv-bench/bin/python tools/translations.py compile

lint: ## ruff: rules and format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

format: ## let ruff format the code and repair what it can
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

types: ## mypy
	$(BIN)/mypy

contracts: ## who may import whom (setup.cfg, [importlinter])
	$(BIN)/lint-imports

translations: ## collect the texts of the code into the catalogues and compile them
	$(BIN)/python tools/translations.py update
	$(BIN)/python tools/translations.py compile

reference: ## write the pages of docs/reference that come from the code
	$(BIN)/python tools/reference.py write

translations-check: ## every text has a Chinese translation
	$(BIN)/python tools/translations.py check

# One after the other, beside the suite: while that waits, they use the time.
test-statically:
	@$(MAKE) --no-print-directory types && $(MAKE) --no-print-directory contracts && $(MAKE) --no-print-directory translations-check

test-sqlite: ## the suite on SQLite; some tests take turns (TURNS= for all)
	env -u DOORSTEP_TEST_DATABASE_URL $(PYTEST) $(TURNS) -m "not browser" \
		|| env -u DOORSTEP_TEST_DATABASE_URL $(AGAIN) -m "not browser"

test-postgresql: ## the suite on a PostgreSQL that is started for it; most tests of plugins take turns
	$(BIN)/python tools/setup/temporary_postgresql.py DOORSTEP_TEST_DATABASE_URL $(PYTEST) $(TURNS) -m $(ON_POSTGRESQL) \
		|| $(BIN)/python tools/setup/temporary_postgresql.py DOORSTEP_TEST_DATABASE_URL $(AGAIN) -m $(ON_POSTGRESQL)

test-browser: ## the browser tests in Chromium
	env -u DOORSTEP_TEST_DATABASE_URL $(IN_BROWSER) -m browser tests/browser \
		|| env -u DOORSTEP_TEST_DATABASE_URL $(IN_BROWSER) --last-failed --last-failed-no-failures none -m browser tests/browser

test-full: setup-test ## the suites with nothing left to a later turn: the whole authorisation matrix, all tests on both (long)
	DOORSTEP_MATRIX=full $(MAKE) --no-print-directory test-sqlite TURNS=
	DOORSTEP_MATRIX=full $(MAKE) --no-print-directory test-postgresql TURNS=

soak: setup-test ## look for new counterexamples with the tests that make up their own examples (long)
	$(PYTEST) -m hypothesis --hypothesis-profile=soak

kill: setup-test ## kill workers at 50 random points of each kind of work, on both databases, and compare the end (long)
	$(BIN)/python -m tools.kill
	$(BIN)/python tools/setup/temporary_postgresql.py DOORSTEP_KILL_DATABASE_URL $(BIN)/python -m tools.kill

container-rehearsal: ## do what the Dockerfile and the compose file say in a folder of its own, without Docker (minutes)
	$(PYTHON) tools/container.py

bench: setup-bench ## measure lists, search and export beside stock Flask-Admin and Django's admin (hours)
	.venv-bench/bin/python -m bench $(BENCH)

bench-imports: setup-test ## dry run and write of 100,000 customers: rows a second and memory (a minute or two)
	PYTHONPATH=. $(BIN)/python -m bench.imports

bench-documents: setup-test ## batches of 500 letters beside plain WeasyPrint: speed, size, memory, looks (ten minutes)
	PYTHONPATH=. $(BIN)/python -m bench.documents --output docs/explanation/document-batches.md
