# Every target works on a fresh checkout: .venv is made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MACHINE ?= cloud-ws128
MODEL ?= llama-3-8b

.PHONY: run test lint type bench formal readme docs agreement reproduce typings slow clean

# The main job: a Llama-class prefill and decode on a shipped machine, report written.
run: $(VENV)/.core
	$(BIN)/lockstep run $(MACHINE) --model $(MODEL) --prefill 2048 --decode 128 --batch 8 \
	  --out results/run-$(MACHINE)-$(MODEL)

test: $(VENV)/.dev lint type
	$(BIN)/pytest -n 2 --dist loadgroup

slow: $(VENV)/.dev
	$(BIN)/pytest -n 2 --dist loadgroup -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(VENV)/.dev typings
	$(BIN)/mypy

# Proofs of arithmetic and of address translation, and of seeded bugs that they are bugs; about ten minutes.
formal: $(VENV)/.dev
	$(BIN)/python -m lockstep.verify.formal

# The agreement tables: engines, banks that compute, address translation, arithmetic in every format.
agreement: $(VENV)/.dev
	$(BIN)/lockstep verify tensor pim tlb mac --out results/agreement

# Papers' tables and plots, from our own models, RTL and synthesis.
reproduce: $(VENV)/.dev
	for paper in int-vs-fp xr-npe tpe cent duplex pim-gpt victima; do $(BIN)/lockstep reproduce $$paper || exit 1; done

# What the README shows: a run, pictures of its report (needs Chromium), tables from results/. 'lockstep report
# results/llama-3-8b' writes its page, which is not kept.
readme: $(VENV)/.dev
	$(BIN)/lockstep run cloud-ws128 --model llama-3-8b --prefill 2048 --decode 128 --batch 8 \
	  --out results/llama-3-8b
	$(BIN)/python -m benchmarks.screenshots
	$(BIN)/python -m benchmarks.readme

# The documentation as a site, in build/site; any warning is an error.
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# mypy does not follow the editable install's import hook; links stand in for it.
typings:
	mkdir -p typings/lockstep
	ln -sfn ../../top/__init__.py ../../top/py.typed typings/lockstep/
	for p in api arch rtl sim workloads verify papers sweep cli configs; do ln -sfn ../../$$p typings/lockstep/$$p; done

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet -e .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@ $(VENV)/.core

clean:
	rm -rf $(VENV) build typings .mypy_cache .pytest_cache .ruff_cache
