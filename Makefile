# Every verb does its own set-up: git, make and Python 3.11 to 3.13 are all it needs.
#
#   make demo       run the users service and drive it over HTTP, about a minute
#   make test       run the suite, on the embedded defaults and on every real server it finds
#   make check      run every gate: lint, types, rings, coverage, documents, wheel
#   make services   find, install (Debian, as root) and start the real servers for the tests
#   make format     let ruff put the code in shape
#   make docs       build the documentation into site/
#   make bench      run the benchmarks
#
# PYTHON=python3.12 make test   chooses the interpreter; ARGS="-k outbox -x" goes to pytest.

.DEFAULT_GOAL := help
.PHONY: help venv demo test check services format docs bench clean

PY := .venv/bin/python
ARGS ?=

help:
	@sed -n 's/^#   //p' Makefile

venv:
	@sh .ci/venv

demo: venv
	@$(PY) examples/users/demo.py

test: venv
	$(PY) -m pytest -n 2 --dist worksteal -m "not gate" $(ARGS)

check: venv
	@$(PY) .ci/check.py $(ARGS)

services: venv
	@$(PY) .ci/services.py

format: venv
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

docs: venv
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

bench: venv
	@$(PY) benchmarks/run.py $(ARGS)

clean:
	rm -rf .venv site dist build .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
