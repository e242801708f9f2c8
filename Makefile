# Everything runs in .venv, which is made on first use and again when pyproject.toml or constraints.txt changes.
PYTHON ?= $(shell python3.11 -c "" 2>/dev/null && echo python3.11 || echo python3)
PIP_ARGS ?=
DEMO_OUT ?= runs/demo
DEMO_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=
DATA ?= $(DEMO_OUT)/docstrings

BIN := .venv/bin
READY := .venv/.ready
export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all check format bench docs lock clean

help: ## List what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## Make .venv with the pinned versions of everything.

$(READY): pyproject.toml constraints.txt
	@echo "Installing into .venv (once, a few minutes) ..."
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Limbeck needs Python 3.11 or later: make PYTHON=...')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[train,dev]'
	@touch $@

demo: $(READY) ## Compress a model offline, in a few minutes; DEMO_ARGS="--rows 800" for less.
	$(BIN)/limbeck demo --out $(DEMO_OUT) $(DEMO_ARGS)
	@echo "Report: $(abspath $(DEMO_OUT))/report.html"

test: $(READY) ## Run the default tests: offline, on all cores, under three minutes on two.
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(TEST_ARGS)

test-all: $(READY) ## Run the slow tests too, and those for an accelerator where there is one.
	$(BIN)/python -m pytest -m "not network" $(TEST_ARGS)

check: $(READY) ## Check style, types, imports between floors, docstrings and spelling.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy limbeck
	$(BIN)/lint-imports
	$(BIN)/flake8 limbeck
	$(BIN)/typos

format: $(READY) ## Format the sources and mend what can be mended by rule.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: demo ## Measure quality over seeds, and speed against a pipeline; DATA=FOLDER for other rows than the demo's.
	$(BIN)/python benchmarks/quality.py $(DATA) --out runs/bench $(BENCH_ARGS)
	$(BIN)/python benchmarks/against_pipeline.py $(DEMO_OUT) $(DEMO_OUT)/docstrings/test.csv

docs: $(READY) ## Write docs/reference/shelves.md from the code.
	$(BIN)/python docs/reference/make.py

lock: $(READY) ## Write the versions in .venv to constraints.txt.
	@{ head -n 1 constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu//'; } > constraints.tmp
	@mv constraints.tmp constraints.txt

clean: ## Remove .venv, caches and the demo's results.
	rm -rf .venv $(DEMO_OUT) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find limbeck tests -name __pycache__ -type d -prune -exec rm -rf {} +
