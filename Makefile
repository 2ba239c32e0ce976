# Two commands on a fresh Debian machine: `make run` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
APT_FOR_TESTS := prometheus prometheus-alertmanager redis-server openssl postgresql mariadb-server logrotate chromium systemd faketime
PROGRAMS_FOR_TESTS := prometheus promtool prometheus-alertmanager amtool redis-server openssl pg_ctlcluster psql mariadbd mariadb-install-db logrotate chromium systemd-analyze faketime

# Versions are pinned, so a notice of a newer pip is of no use.
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup run test test-matrix test-tools chaos lint format rules dashboards page vendor references bench constraints clean

help:
	@echo "make setup   install into $(VENV), start nothing"
	@echo "make run     start everything on an embedded default and print the URLs"
	@echo "make test    install what the tests need, then check and test everything"
	@echo "make test-matrix  test each supported Python that is here with each Django (an hour or more)"
	@echo "make chaos   disturb everything for ten minutes and check that nothing is lost"
	@echo "make bench   measure the cost of monitoring"
	@echo "make rules   write prometheus/rules"
	@echo "make dashboards  write grafana/dashboards"
	@echo "make page    write the status page's script"
	@echo "make references  write docs/metrics.md and docs/settings.md"
	@echo "make lint    run ruff, mypy and the import contracts"
	@echo "make format  run ruff's fixes and formatter"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" sh project/run/make_venv.sh $(VENV)
	@echo "Downloading and installing about $$(grep -c == constraints.txt) packages (a minute or two)"
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
	@echo "Installed into $(VENV)"

run: setup
	@MAKE_PID=$$PPID exec $(BIN)/python -m project.run

test: setup test-tools lint
	$(BIN)/python -m pytest $(IN_PARALLEL)
	$(BIN)/python -m pytest -q $(IN_PARALLEL) --platform=macos $(ON_EACH_SYSTEM)
	$(BIN)/python -m pytest -q $(IN_PARALLEL) --platform=windows $(ON_EACH_SYSTEM)

# Of the unit tests, what is nearest to the system, and what tells of it (docs/platforms.md).
IN_PARALLEL := --numprocesses=auto --maxprocesses=4 --dist=loadfile
ON_EACH_SYSTEM := $(addprefix tests/unit/,api exposition merging metrics primitives processes storage test_checks.py)

# `make test` has the newest pair of this machine. PAIRS chooses some: make test-matrix PAIRS="3.12-6.0"
test-matrix: setup
	$(BIN)/python -m tests.adoption.matrix $(PAIRS)

test-tools:
	@sh project/run/apt_install.sh "$(PROGRAMS_FOR_TESTS)" "$(APT_FOR_TESTS)"

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

rules: setup
	$(BIN)/python -m prometheus.source

dashboards: setup
	$(BIN)/python -m grafana.source

page: setup
	$(BIN)/python -m monitoring.page.source

references: setup
	$(BIN)/python -m docs.source

# Fetches the chart library of the status page from npm.
vendor:
	sh project/vendor/fetch_uplot.sh

bench: setup
	@sh project/run/apt_install.sh wrk wrk
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,bench]'
	$(BIN)/python -m bench
	$(BIN)/python -m bench.dependency_cost
	$(BIN)/python -m bench.scrape_time

# A replay (docs/chaos.md) gives the seed and the number of steps.
CHAOS_SEED ?= $(shell $(PYTHON) -c "import secrets; print(secrets.randbelow(10**6))")
CHAOS_SECONDS ?= $(if $(CHAOS_STEPS),86400,600)

chaos: setup test-tools
	CHAOS_SEED=$(CHAOS_SEED) CHAOS_SECONDS=$(CHAOS_SECONDS) $(if $(CHAOS_STEPS),CHAOS_STEPS=$(CHAOS_STEPS)) \
		$(BIN)/python -m pytest -p no:cacheprovider -s tests/chaos

# Resolves the newest versions that pyproject.toml allows and pins them.
constraints: setup
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --all-extras pyproject.toml --output-file constraints.txt

clean:
	rm -rf $(VENV) build dist .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
