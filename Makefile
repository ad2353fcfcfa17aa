# The two commands that matter are `make run` and `make test`. `make help` lists the rest.

PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PORT

.DEFAULT_GOAL := help
.PHONY: help setup system run stop status logs psql reset test lint format requirements bench drill drills audit ci

help: ## list the commands
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || \
	 sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1  \2/p' $(MAKEFILE_LIST)

setup: $(STAMP) system ## the virtual environment and, where possible, the system's libraries

# Installed again only when a lock file changed: the stamp keeps their digest.
$(STAMP): requirements.txt requirements-dev.txt
	@PYTHON="$(PYTHON)" scripts/install.sh $(VENV)

system: ## Pango, fonts and Chromium from Debian's packages, when root; otherwise prints the line to run
	@scripts/system_packages.sh

run: setup ## everything on http://demo.localhost:8000 (PORT=8010 for another port) until Ctrl-C
	@exec $(BIN)/python -m tracker.stack up

stop: ## stop what `make run` started, from another terminal
	@$(BIN)/python -m tracker.stack down

status: ## what runs, and where
	@$(BIN)/python -m tracker.stack status

logs: ## follow the logs
	@$(BIN)/python -m tracker.stack logs

psql: ## a database prompt
	@$(BIN)/python -m tracker.stack psql

reset: ## stop everything and throw the local data away
	@$(BIN)/python -m tracker.stack reset

# Two cores, three processes: the third has the tests that mostly wait (tests/conftest.py).
test: setup ## the whole test suite on two cores (ARGS="tests/deals -k won" for a part of it)
	@$(BIN)/python -m pytest --numprocesses $(or $(JOBS),3) --dist loadscope $(ARGS)

lint: setup ## ruff, djade, mypy, and models without a migration
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@git ls-files -z -- 'templates/*.html' | xargs -0 -r $(BIN)/djade --check --target-version 5.2
	@$(BIN)/mypy
	@$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run --verbosity 1

format: setup ## let ruff and djade put code and templates in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@git ls-files -z -- 'templates/*.html' | xargs -0 -r $(BIN)/djade --target-version 5.2

requirements: ## resolve requirements*.in to exact, hashed versions
	@cd . && for set in requirements requirements-dev; do \
	  $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file $$set.txt $$set.in; \
	done

bench: setup ## the measurements of docs/performance.md
	@for script in $$(grep -l '^if __name__' benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

drill: setup ## fifty tenants on four hosts under load for ten minutes (ARGS="--minutes 1" for a trial)
	@$(BIN)/python scripts/drills/load.py $(ARGS)

drills: setup ## rolling restart, failing networks, a fleet's migration (about 15 minutes)
	@$(BIN)/python scripts/drills/restarts.py --rounds $(or $(ROUNDS),2)
	@$(BIN)/python scripts/drills/faults.py --seconds $(or $(SECONDS),10)
	@$(BIN)/python scripts/drills/fleet.py --tenants $(or $(TENANTS),200) --kills $(or $(KILLS),10)

audit: ## ask PyPI's advisory database about every locked package (needs the network)
	@test -x .stack/audit/bin/pip-audit || { $(BIN)/python -m venv .stack/audit && .stack/audit/bin/pip install --quiet pip-audit; }
	@.stack/audit/bin/pip-audit --requirement requirements.txt --disable-pip --require-hashes

ci: ## what .ci/run does
	@.ci/run
