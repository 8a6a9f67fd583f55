# Everything a contributor types. Each target works alone on a machine that has only Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TRAINERS := .venv-trainers
SOURCES := src tests benchmarks
PHOTO := chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1240,1730

# Every process would compile hundreds of modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test types quick-tests test-all test-callbacks picture format

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "make %-14s %s\n", $$1, $$2 }'

install: $(STAMP) ## create .venv with Fitwell and everything its tests need, at pinned versions

# The stamp is written last, so that an interrupted installation is done again. pip would compile modules on one
# core, and other packages' tests with them; some packages hold files that nobody can compile.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Fitwell needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + "; try make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -qq -j 0 src
	$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true
	@touch $@

demo: $(STAMP) ## train on a real table, say how good the network is, and leave a report
	$(BIN)/fitwell train examples/telco_churn.csv --target Churn

test: $(STAMP) ## check format, lint and types, and run every test but the slow ones (it says which)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	@$(MAKE) --no-print-directory --jobs 2 types quick-tests

types: $(STAMP)
	$(BIN)/mypy

quick-tests: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal -m "not slow"

test-all: test test-callbacks ## the same, the slow tests, and the callbacks under other people's trainers
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m slow

# Lightning stays out of the environment of the tests: it brings packages that nothing else here may rest on.
$(TRAINERS)/.installed: pyproject.toml constraints.txt
	test -x $(TRAINERS)/bin/python || $(PYTHON) -m venv $(TRAINERS)
	$(TRAINERS)/bin/python -m pip install --quiet --constraint constraints.txt --editable . lightning==2.6.6 'transformers[torch]'
	@touch $@

test-callbacks: $(TRAINERS)/.installed ## watch trainings of Lightning and of Hugging Face's Trainer, with the packages themselves
	OMP_NUM_THREADS=1 $(TRAINERS)/bin/python benchmarks/watch_callbacks.py

picture: $(STAMP) ## draw the README's picture of the report anew, light and dark (it needs Chromium)
	rm -rf runs/picture
	$(BIN)/fitwell train examples/telco_churn.csv --target Churn --out runs/picture/churn
	$(PHOTO) --screenshot=docs/report.png runs/picture/churn/report.html
	$(PHOTO) --blink-settings=preferredColorScheme=0 --screenshot=docs/report-dark.png runs/picture/churn/report.html

format: $(STAMP) ## rewrite the sources in the one format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)
