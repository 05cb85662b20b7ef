# Headway's commands; `make help` lists them. Needs GNU make and Python 3.11 or newer, and brings the rest.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help up test matrix main-way check lock bench chaos mutants clean environment dev-environment venv fonts

# The first Python on the path that is new enough.
OWN_PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
# PYTHON=python3.13 (or a path) works with that one, in an environment of its own beside .venv.
ifeq ($(origin PYTHON),undefined)
PYTHON := $(OWN_PYTHON)
VENV := .venv
else
NAMED := $(PYTHON)
# pyenv's commands on the path run only the versions that are switched on: the others lie in its folder.
override PYTHON := $(shell for it in "$(NAMED)" "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(NAMED:python%=%).*/bin/python; do \
	"$$it" -c "" >/dev/null 2>&1 && echo "$$it" && break; done)
$(if $(PYTHON),,$(error PYTHON=$(NAMED) is no Python that runs here))
VENV := $(shell version() { "$$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }; \
	named=$$(version "$(PYTHON)"); own=$$(version .venv/bin/python || version "$(OWN_PYTHON)"); \
	test "$$named" = "$${own:-$$named}" && echo .venv || echo ".venv-$$named")
endif
PY := $(VENV)/bin/python
# Passed on to pytest, bench and chaos: make test ARGS="-k lease"
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: environment fonts ## Start Headway and say where (PORT=8000, HEADWAY_HOME=var); Ctrl-C stops it
	@$(PY) manage.py up

test: dev-environment ## Run every test against real components (ARGS="-k name")
	@$(PY) -m tests.services.packages
	@$(PY) -m pytest $(in_two) $(ARGS) || { status=$$?; \
		echo "make test: pytest ended with $$status; what failed is named above." >&2; exit $$status; }

matrix: dev-environment ## Every unit test and the main way, on each supported Python that is here
	@$(PY) -m tests.services.packages
	@$(PY) -m tests.matrix $(ARGS)

# What `make matrix` runs on each: a job's main way through real processes, beside all that runs in one.
main-way: dev-environment
	@$(PY) -c 'import django, sys; print("Python %d.%d.%d," % sys.version_info[:3], "Django", django.__version__)'
	@$(PY) -m pytest tests/unit $(in_two)
	@$(PY) -m pytest tests/integration tests/host -m main_way $(in_two)

check: dev-environment ## Lint, format, types, import arrows, migrations, deployment, compose
	@$(call says,ruff check .,Lint: mend what ruff names above; $(PY) -m ruff check --fix does much of it.)
	@$(call says,ruff format --check .,Format: run $(PY) -m ruff format and look at the difference.)
	@$(call says,mypy,Types: mypy found the errors above.)
	@PYTHONPATH=. $(VENV)/bin/lint-imports --no-cache --no-logo || { echo "make check: an import above goes against the arrows of docs/development.md." >&2; exit 1; }
	@$(call says,check_jsonschema --builtin-schema vendor.compose-spec compose/compose.yaml,Compose: compose/compose.yaml is not a valid compose file.)
	@$(call manages,makemigrations --check --dry-run,Migrations: a model changed without its migration; run $(PY) manage.py makemigrations.)
	@$(call manages,check --deploy --fail-level WARNING,Deployment: check --deploy found the weaknesses above.)
	@echo "make check: all good."

lock: dev-environment ## Renew the lock files from the ranges in pyproject.toml (ARGS=--upgrade)
	@$(locks) -o requirements.lock $(or_no_versions)
	@$(locks) --group dev -o requirements-dev.lock $(or_no_versions)

bench: dev-environment ## Measure: ratios against the bare parts, in one run
	@$(PY) -m tests.services.packages bench
	@$(PY) -m tests.bench $(ARGS) || { echo "make bench: the run above did not end well." >&2; exit 1; }

chaos: dev-environment ## Kill, stop, cut off and fill up everything at work, and count what was lost (nothing)
	@$(PY) -m tests.services.packages
	@$(PY) -m tests.chaos $(ARGS) || { echo "make chaos: a promise was broken or the run failed; see above." >&2; exit 1; }

mutants: dev-environment ## Take one rule out of a copy at a time: chaos has to see each of them
	@$(PY) -m tests.services.packages
	@$(PY) -m tests.chaos --mutants $(ARGS) || { echo "make mutants: a mutant was not seen for what it is; see above." >&2; exit 1; }

clean: ## Remove caches; keeps the environments and var
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results bench-results
	@find . -name __pycache__ -type d -not -path './.venv*/*' -prune -exec rm -rf {} +

# -- how ------------------------------------------------------------------------------------------------

in_two := --numprocesses 2 --dist loadfile --no-loadscope-reorder

# $(1): a module of the environment with its arguments; $(2): what to say when it fails.
says = $(PY) -m $(1) || { printf 'make %s: %s\n' "$@" '$(2)' >&2; exit 1; }

# A management command under the settings of a deployment, with a home and a database of its own.
manages = home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && \
	env -u DATABASE_URL -u RABBITMQ_URL -u STORAGE_URL HEADWAY_HOME="$$home" DEBUG=0 SECURE_SSL=1 \
		ALLOWED_HOSTS=headway.example CSRF_TRUSTED_ORIGINS=https://headway.example \
		SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))')" \
		$(PY) manage.py $(1) || { printf 'make %s: %s\n' "$@" '$(2)' >&2; exit 1; }

locks = $(PY) -m uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --quiet \
	$(ARGS) pyproject.toml
or_no_versions = >/dev/null || { echo "make lock: uv found no versions for the ranges in pyproject.toml." >&2; exit 1; }

# A copy of the lock in the environment says what is installed there: nothing is done when they are equal.
define installs
	@cmp -s $(1) $(VENV)/$(1) || { echo "Installing $(1) (once; a few minutes on a slow line) ..." && \
		$(PY) -m pip install --quiet --require-hashes -r $(1) && cp $(1) $(VENV)/$(1); } || { \
		echo "The packages of $(1) could not be installed; the line above says why. Run the command again." >&2; exit 2; }
endef

# The fonts of documents come from the system's packages. Without them Headway runs all the same, and a job says which
# characters it could not set.
NOTO := /usr/share/fonts/truetype/noto/NotoSans-Regular.ttf /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc
fonts:
	@test -n "$$FONT_FOLDERS" || ls $(NOTO) >/dev/null 2>&1 || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing the fonts of documents (once) ..."; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends fonts-noto-core fonts-noto-cjk; } >/dev/null </dev/null; \
		fi; \
		ls $(NOTO) >/dev/null 2>&1 || \
			echo "Documents are set with the fonts that are there. For all scripts install the Noto fonts (on Debian: apt-get install fonts-noto-core fonts-noto-cjk) or name a folder with FONT_FOLDERS."; }

environment: venv
	$(call installs,requirements.lock)

dev-environment: venv
	$(call installs,requirements-dev.lock)

venv:
	@$(PY) -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		test -n "$(PYTHON)" || { \
			echo "Headway needs Python 3.11 or newer, and none is on the path. Install it (on Debian: apt-get install python3) or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
			exit 2; }; \
		"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
			package=$$("$(PYTHON)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
			if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
				echo "Installing $$package ..."; \
				{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$$package"; } >/dev/null </dev/null; \
			fi; \
			"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
				echo "$(PYTHON) cannot make a virtual environment. Install its venv part and run this again: sudo apt-get install $$package" >&2; \
				exit 2; }; }; \
		echo "Making $(VENV) with $(PYTHON) ..."; \
		"$(PYTHON)" -m venv --clear $(VENV) || { \
			echo "$(VENV) could not be made; the line above says why." >&2; exit 2; }; }
