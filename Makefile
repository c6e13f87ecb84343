# make demo   Sentio and everything it needs, in one process; look at http://localhost:8000
# make test   all the tests, with the real servers they need
# make lint   format, lint, types, import rules
# make bench  benchmarks, beside their peers
# make lock   pins the dependencies anew
# make dashboards   writes Grafana's boards anew
# make servers   installs the programs that tests talk to, where that is possible
# make clean  removes what the others have made, .venv among it
# make help   this list
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash

.PHONY: demo test lint bench lock dashboards servers clean help

demo: .venv/runtime
	@exec $(BIN)/sentio demo

# In four processes, a file of tests in one of them: half of the time of each goes by in waiting for servers.
test: .venv/dev servers
	@$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev servers
	@$(BIN)/python -m benchmarks.run

# The Prometheus that tests talk to, and the openssl that makes their certificates, from Debian's packages; where that
# cannot be, the tests say what they lack.
servers:
	@tests/install-servers

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "sentio needs Python 3.11 or newer; name one with make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { \
	  rm -rf .venv; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing python3-venv" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null && $(PYTHON) -m venv .venv; \
	  else echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; fi; }

.venv/runtime: .venv/bin/python requirements.lock pyproject.toml
	@echo "installing the locked dependencies into .venv"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@$(BIN)/sentio warmup
	@touch $@

.venv/dev: .venv/bin/python requirements-dev.lock pyproject.toml
	@echo "installing the locked dependencies and the test tools into .venv"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@$(BIN)/sentio warmup
	@touch $@ .venv/runtime

lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra apprise -c requirements.lock pyproject.toml -o requirements-image.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

dashboards:
	@$(PYTHON) -m grafana.generate

help:
	@sed -n 's/^# \(make [a-z].*\)/\1/p' Makefile

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
