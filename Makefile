# `make run` starts the site on this machine, `make test` proves it. Paths are relative and quoted,
# so that the checkout may lie in a directory with spaces in its name.
.PHONY: run test lint check bench requirements messages browser gettext nginx
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PORT ?= 8000
export PORT

# The interpreter must be Python 3.11 or newer; `make run PYTHON=python3.13` chooses one.
PYTHON ?= python3
PY := .venv/bin/python
# Readable by all: started by root, the database server runs as another account.
# Each file of pins is complete, so pip resolves nothing and checks every hash.
INSTALL := umask 022 && $(PY) -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes

run: .venv/run.stamp
	@umask 022 && exec $(PY) -m local

test: .venv/dev.stamp browser gettext nginx
	@umask 022 && exec $(PY) -m pytest $(ARGS)

lint: .venv/dev.stamp
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

# The second command sees the settings as production does, with values made up for this once.
check: .venv/dev.stamp
	$(PY) manage.py makemigrations --check --dry-run
	LOCAL=off SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))')" \
	  DATABASE_URL=postgres://localhost/unused EMAIL_URL=smtp://localhost ALLOWED_HOSTS=raffle.example \
	  $(PY) manage.py check --deploy --fail-level WARNING

# How fast it is on this machine; ARGS=--help explains it.
bench: .venv/run.stamp
	@umask 022 && exec $(PY) -m bench $(ARGS)

# Pins again what the .in files ask for; ARGS=--upgrade takes the newest of everything.
COMPILE := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-emit-index-url --custom-compile-command 'make requirements' $(ARGS)
requirements: $(PY)
	$(PY) -m pip install --quiet uv==0.13.9
	$(COMPILE) requirements.in --output-file requirements.txt
	$(COMPILE) requirements-local.in --output-file requirements-local.txt --no-deps
	$(COMPILE) requirements-dev.in --output-file requirements-dev.txt

# Collects what is to be translated into locale/, and compiles what has been.
MESSAGES := $(PY) manage.py makemessages -l de -l es --no-wrap --no-obsolete --add-location=file \
  --ignore '.venv/*' --ignore 'var/*' --ignore '*/tests/*'
messages: .venv/dev.stamp gettext
	@export LOCAL=on SECRET_KEY=unused DATABASE_URL=postgres://localhost/unused; \
	$(MESSAGES) && $(MESSAGES) -d djangojs --ignore 'bls12-381.js' && \
	$(PY) manage.py compilemessages --ignore '.venv/*'

.venv/run.stamp: requirements.txt requirements-local.txt | $(PY)
	@echo 'Installing what the site needs into .venv'
	@$(INSTALL) -r requirements.txt -r requirements-local.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt | $(PY)
	@echo 'Installing what the site and its tests need into .venv'
	@$(INSTALL) -r requirements-dev.txt
	@touch $@

# Debian's python3 may come without ensurepip (package python3-venv): then its pip fills the
# environment from outside. Where that fails too, the last attempt says why.
$(PY):
	@umask 022; \
	for python in "$(PYTHON)" python3.13 python3.12 python3.11; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	test "$$python" || { echo 'This needs Python 3.11 or newer: install it, or name it: make PYTHON=...' >&2; exit 1; }; \
	echo "Making a virtual environment in .venv with $$("$$python" --version)"; \
	"$$python" -m venv --clear .venv >/dev/null 2>&1 || { \
	  "$$python" -m venv --clear --without-pip .venv && \
	  "$$python" -m pip --python $(PY) --disable-pip-version-check install --quiet pip; \
	} >/dev/null 2>&1 || "$$python" -m venv --clear .venv

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	command -v google-chrome >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  echo 'Installing Chromium for the browser tests' && export DEBIAN_FRONTEND=noninteractive && \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	} || { echo 'The browser tests need Chromium: install the package "chromium" (or Google Chrome)' >&2; exit 1; }

gettext:
	@command -v xgettext >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  echo 'Installing gettext, which reads what is to be translated' && export DEBIAN_FRONTEND=noninteractive && \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends gettext >/dev/null; \
	} || { echo 'The tests of the languages need the program xgettext: install the package "gettext"' >&2; exit 1; }

# Only the program is wanted, not the service that its package starts.
nginx:
	@command -v nginx >/dev/null || test -x /usr/sbin/nginx || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  echo 'Installing nginx, before which the site is tested' && export DEBIAN_FRONTEND=noninteractive && \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx >/dev/null && \
	  { service nginx stop; update-rc.d nginx disable; } >/dev/null 2>&1 || test -x /usr/sbin/nginx; \
	} || { echo 'The tests of the proxy need nginx 1.22 or newer: install the package "nginx"' >&2; exit 1; }
