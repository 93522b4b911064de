# Thin on purpose: each line is a command one could type. `make run` and `make test` do all the set-up themselves.
PYTHON ?= python3
CONFIG ?= conf/sample.toml
SPARK_CONF ?= conf/spark/local.conf
VENV := .venv
READY := $(VENV)/.ready
export PYSPARK_PYTHON := $(CURDIR)/$(VENV)/bin/python
export PYSPARK_DRIVER_PYTHON := $(PYSPARK_PYTHON)

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all check format lock zip clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(READY)  ## the whole line: make run [CONFIG=conf/X.toml] [INPUT=folder] [OUTPUT=folder] [ARGS="--set a.b=c --force"]
	$(VENV)/bin/spark-submit --properties-file $(SPARK_CONF) jobs/pipeline.py --config $(CONFIG) \
	  $(if $(INPUT),--set 'input.path=$(INPUT)') $(if $(OUTPUT),--set 'lake.path=$(OUTPUT)') $(ARGS)

test: $(READY)  ## the default tests
	$(PYSPARK_PYTHON) -m pytest -m "not slow" $(ARGS)

test-all: $(READY)  ## every test, the slow ones too
	$(PYSPARK_PYTHON) -m pytest $(ARGS)

check: $(READY)  ## ruff (lint and format), mypy strict, the architecture test
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PYSPARK_PYTHON) -m pytest tests/test_architecture.py

format: $(READY)  ## let ruff mend what it can
	$(VENV)/bin/ruff check --fix . && $(VENV)/bin/ruff format .

zip: $(READY)  ## dist/walkgram.zip, for spark-submit --py-files
	rm -f dist/walkgram.zip && mkdir -p dist
	cd lib && $(PYSPARK_PYTHON) -m zipfile -c ../dist/walkgram.zip walkgram

lock: $(READY)  ## make requirements.txt anew from pyproject.toml
	$(PYSPARK_PYTHON) -m pip install -q uv
	$(VENV)/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --constraint conf/constraints.txt -o requirements.txt

setup: $(READY)  ## only the environment

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "walkgram needs Python 3.11 or newer: apt-get install python3 python3-venv, or name one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "walkgram needs Python's venv module: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m walkgram_java 2>/dev/null || sh conf/spark/java.sh
	$(PYTHON) -m venv $(VENV)
	$(PYSPARK_PYTHON) -m pip install --require-hashes --no-deps -r requirements.txt
	$(PYSPARK_PYTHON) -m pip install --no-deps --no-build-isolation -e .
	@touch $(READY)

clean:  ## remove what the build made (tables under out/ stay)
	rm -rf $(VENV) dist build
