# Everything that is done with this project; `make` alone prints the list.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# What runs, and on what. Give another value behind the target: make run SOURCE=file BARS=bars.csv TICKERS=AAPL,MSFT
SOURCE = sample
BARS =
TICKERS =
GROUP =
SINCE =
START =
END =
STATE = var
MODEL = market.msgpack
JOBS =
HOST =
PORT =
PYTEST_ARGS =
# Most of the tests with a broker wait: two at a time take little more than half as long on two cores. 0 for a debugger.
PROCESSES = 2
SECONDS = 600
MINUTES = 10
# Candidates of the forecasts that a backtest makes: log-HAR alone takes seconds where all take minutes.
BACKTEST_MODELS = har
OUT = var/backtest
SEED = 0

# How it is installed.
PYTHON ?= python3
TORCH_INDEX ?=
UV_VERSION = 0.13.9
VENV = .venv
INSTALLED = $(VENV)/.installed
# torch besides: only fitting a market model, the tests and the types need it.
TORCH = $(VENV)/.torch
TIDECAST = $(VENV)/.tidecast

PY = $(VENV)/bin/python
UV = $(PY) -m uv
PYTEST = $(PY) -m pytest -n $(PROCESSES) --dist loadfile
FROM = $(if $(BARS), --path "$(BARS)")$(if $(START), --start "$(START)")$(if $(END), --end "$(END)")
ONLY = $(if $(TICKERS), --tickers "$(TICKERS)")
OF_GROUP = $(if $(GROUP), --group "$(GROUP)")

.PHONY: help run cluster test test-fast test-sweep check docs bench backtest fuzz storm soak serve lock install clean

help:  ## Print this list
	@printf 'Bars in, forecasts and a portfolio out.\n\n'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS=$$'\t' read -r target text; do \
	    printf '  make %-10s %s\n' "$$target" "$$text"; done
	@printf '\nFor run: SOURCE=sample|file|yfinance BARS=path TICKERS=A,B GROUP=DOW|SP500 SINCE=last START=YYYY-MM-DD END=YYYY-MM-DD STATE=folder JOBS=n\n'
	@printf 'For cluster: the same but SINCE and JOBS, and PORT=n.\n'
	@printf 'For serve: STATE=folder HOST=address PORT=n.  For tests: PYTEST_ARGS="-k name" PROCESSES=n.\n'
	@printf 'For the first one: PYTHON=python3.12 (any from 3.11), TORCH_INDEX=address of an index with other torch builds.\n'

run: $(TIDECAST)  ## Take bars through the whole pipeline; print forecasts and a portfolio
	$(PY) -m streams run --source "$(SOURCE)"$(FROM)$(ONLY)$(OF_GROUP)$(if $(SINCE), --since "$(SINCE)") --state "$(STATE)"$(if $(JOBS), --jobs "$(JOBS)")
	$(PY) -m state forecasts --state "$(STATE)"$(ONLY)
	$(PY) -m optimizer allocate --state "$(STATE)"$(ONLY)

cluster: $(TIDECAST)  ## A real Kafka, two workers, a producer and the HTTP service, until Ctrl-C
	$(PY) -m cluster --source "$(SOURCE)"$(FROM)$(ONLY)$(OF_GROUP)$(if $(filter command,$(origin STATE)), --state "$(STATE)")$(if $(PORT), --port "$(PORT)")

test: $(TORCH)  ## Run every test
	$(PYTEST) $(PYTEST_ARGS)

test-fast: $(TORCH)  ## Run the tests that take no more than some seconds each
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-sweep: $(TORCH)  ## Run the whole matrices of damages, of which `test` takes a part
	$(PYTEST) --sweep -m sweep $(PYTEST_ARGS)

check: $(TORCH)  ## Lint, formatting, types and plain words; changes nothing
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m tests.house.prose

docs: $(INSTALLED)  ## Write the generated parts of docs/: settings, commands, HTTP, the picture of packages
	$(PY) -m tests.house.generated

bench: $(INSTALLED)  ## Measure; one JSON object a line
	$(PY) -m benchmarks

backtest: $(TORCH)  ## Backtest portfolios on the sample or BARS=path; one page with pictures in OUT=var/backtest
	$(PY) -m optimizer backtest $(if $(BARS),--path "$(BARS)",--sample)$(ONLY) --models "$(BACKTEST_MODELS)"$(if $(JOBS), --jobs "$(JOBS)") --out "$(OUT)"

.venv-statsforecast: $(INSTALLED) benchmarks/requirements-statsforecast.txt
	$(UV) venv --quiet --clear --python $(PY) $@
	$(UV) pip install --python $@/bin/python -r benchmarks/requirements-statsforecast.txt
	@touch $@

fuzz: $(INSTALLED)  ## Arbitrary and damaged messages through decoding and pipeline for SECONDS=600
	$(PY) -m tests.history.fuzz --seconds "$(SECONDS)" --seed "$(SEED)"

storm: $(INSTALLED)  ## Faults of every kind over a cluster, for MINUTES=10 from SEED=0 on; compare what is left
	$(PY) -m tests.kafka.storm --seed "$(SEED)" --minutes "$(MINUTES)"

soak: MINUTES = 20
soak: $(INSTALLED)  ## A cluster under load and faults for MINUTES=20: right to the byte at the end, and flat
	$(PY) -m tests.kafka.soak --seed "$(SEED)" --minutes "$(MINUTES)"

pretrain: $(TORCH)  ## Fit a market model to the bars in BARS; write it to MODEL=market.msgpack
	$(PY) -m models pretrain --path "$(BARS)" --out "$(MODEL)"

serve: $(TIDECAST)  ## Serve forecasts and portfolios over HTTP on 127.0.0.1:5000
	$(PY) -m optimizer serve --state "$(STATE)"$(if $(HOST), --host "$(HOST)")$(if $(PORT), --port "$(PORT)")

lock: $(INSTALLED)  ## Compile the full sets of requirements from the direct ones
	$(UV) pip compile requirements.txt -o requirements.lock --python-version 3.11
	$(UV) pip compile requirements-dev.txt -c requirements.lock -o requirements-dev.lock --python-version 3.11

install: $(TIDECAST)  ## Install what is missing into .venv, with the command tidecast (the other targets do it by themselves)

clean:  ## Remove caches; the state and .venv stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# Whether an interpreter has the torch of requirements-torch.txt, or a later one of the same major version. It is 5 GB with
# CUDA, so one that is there is used: the environment is then made to see the packages of the interpreter beneath it.
define HAS_TORCH
import importlib.metadata, sys
version = lambda text: [int(part) for part in text.split("+")[0].split(".")[:2]]
have, need = version(importlib.metadata.version("torch")), version("$(shell sed -n 's/^torch==//p' requirements-torch.txt)")
sys.exit(not (have[0] == need[0] and have >= need))
endef
export HAS_TORCH

# A virtual environment dies with the interpreter it was made from; then the stamp says nothing.
ifneq ($(shell $(PY) -c 'print("alive")' 2>/dev/null),alive)
.PHONY: $(INSTALLED) $(TORCH)
endif

# The stamp is written last, so an interrupted installation is taken up again, and a changed list installs anew.
$(INSTALLED): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { \
	    echo "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another one: make PYTHON=python3.12" >&2; \
	    exit 1; }
	@echo "Installing what is missing into $(VENV) (the first time: some minutes) …" >&2
	@rm -f $@
	@$(PY) -c '' 2>/dev/null || $(PYTHON) -m venv --clear \
	    $$($(PYTHON) -c "$$HAS_TORCH" 2>/dev/null && echo --system-site-packages) $(VENV)
	@$(PY) -m pip --disable-pip-version-check install --quiet uv==$(UV_VERSION)
	@$(UV) pip install --python $(PY) --compile-bytecode -r requirements-dev.lock
	@touch $@

$(TORCH): $(INSTALLED) requirements-torch.txt
	@rm -f $@
	@$(PY) -c "$$HAS_TORCH" 2>/dev/null || $(UV) pip install --python $(PY) -r requirements-torch.txt -c requirements-dev.lock \
	    $(if $(TORCH_INDEX),--index "$(TORCH_INDEX)" --index-strategy unsafe-best-match)
	@touch $@

# The project itself, as it lies here: an edit needs no new installation.
$(TIDECAST): $(INSTALLED) pyproject.toml
	@$(UV) pip install --python $(PY) --quiet --no-deps --editable .
	@touch $@
