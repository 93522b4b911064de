# Thin on purpose: each line is a command one could type. `make run` and `make test` do all the set-up themselves.
PYTHON ?= python3
CONFIG ?= conf/sample.toml
SPARK_CONF ?= conf/spark/local.conf
override VENV := .venv
READY := $(VENV)/.ready
# Values reach the commands by the environment alone, so that the shell never parses them; $(value) takes a $ literally.
# Only what make itself evaluates before this file cannot be prevented: make 'X:=$(shell ...)', or --eval.
VALUES := PYTHON CONFIG SPARK_CONF INPUT OUTPUT ARGS SCALE CASES
$(foreach name,$(VALUES),$(eval override $(name) := $$(value $(name))))
export $(VALUES)
export PYSPARK_PYTHON := $(CURDIR)/$(VENV)/bin/python
export PYSPARK_DRIVER_PYTHON := $(PYSPARK_PYTHON)
export PEERS := $(CURDIR)/.tools/peers/bin/python

# WITH VARIABLE COMMAND...: run the command with the words of a variable behind it, quoted as in a shell.
define WITH_WORDS
import os, shlex, sys
name, *command = sys.argv[1:]
try:
    words = shlex.split(os.environ.get(name, ""))
except ValueError:
    sys.exit(f"make: {name}: a quotation mark is not closed: {os.environ[name]}")
os.execvp(command[0], command + words)
endef
export WITH_WORDS
WITH = "$$PYSPARK_PYTHON" -c "$$WITH_WORDS"

.DEFAULT_GOAL := help
.PHONY: help java setup run test test-slow cluster-test check keys bench-walks bench-pairs bench-train bench-line format lock zip clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: java $(READY)  ## run the line: make run [CONFIG=conf/X.toml] [INPUT=folder] [OUTPUT=folder] [ARGS="--set a.b=c --force"]
	$(WITH) ARGS $(VENV)/bin/spark-submit --properties-file "$$SPARK_CONF" jobs/pipeline.py --config "$$CONFIG" \
	  $${INPUT:+--set "input.path=$$INPUT"} $${OUTPUT:+--set "lake.path=$$OUTPUT"}

test: java $(READY)  ## the default tests
	$(WITH) ARGS "$$PYSPARK_PYTHON" -m pytest -m "not slow"

test-slow: java $(READY)  ## the tests that take minutes
	$(WITH) ARGS "$$PYSPARK_PYTHON" -m pytest -m slow

cluster-test: java $(READY)  ## the tests on a cluster of a master and two workers on loopback, by spark-submit
	$(WITH) ARGS "$$PYSPARK_PYTHON" -m pytest tests/jobs/test_submit.py tests/jobs/test_cluster.py tests/jobs/test_lost_executors.py \
	  -k "cluster or executor"

check: $(READY)  ## ruff (lint and format), mypy strict, the architecture test
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	"$$PYSPARK_PYTHON" -m pytest tests/test_architecture.py

bench-walks: java $(READY) .tools/peers/.ready  ## walk kernels and jobs against peers: make bench-walks [SCALE=small]
	cd tests/benchmarks && $(WITH) SCALE "$$PYSPARK_PYTHON" bench_walks.py "$$PEERS"

bench-pairs: java $(READY)  ## from interactions to edges, against a self-join and scipy: make bench-pairs [SCALE=small]
	cd tests/benchmarks && $(WITH) SCALE "$$PYSPARK_PYTHON" bench_pairs.py

bench-train: java $(READY) .tools/peers/.ready  ## the trainer against gensim, torch, MLlib: make bench-train [SCALE=small] [CASES="gensim gpu"]
	cd tests/benchmarks && $(WITH) CASES "$$PYSPARK_PYTHON" bench_train.py "$$PEERS" $${SCALE:+"$$SCALE"}

bench-line: java $(READY)  ## the whole line on 20 million interactions: make bench-line [SCALE=small]
	cd tests/benchmarks && $(WITH) SCALE "$$PYSPARK_PYTHON" bench_line.py

.tools/peers/.ready: tests/benchmarks/requirements.txt
	"$$PYTHON" -m venv .tools/peers && .tools/peers/bin/python -m pip install -q -r tests/benchmarks/requirements.txt && touch $@

keys: $(READY)  ## conf/README.md from the keys in lib/walkgram/config
	"$$PYSPARK_PYTHON" -m walkgram.config.markdown > conf/README.md.new && mv conf/README.md.new conf/README.md

format: $(READY)  ## let ruff fix what it can
	$(VENV)/bin/ruff check --fix . && $(VENV)/bin/ruff format .

zip: $(READY)  ## dist/walkgram.zip, for spark-submit --py-files
	rm -rf build/zip dist/walkgram.zip
	"$$PYSPARK_PYTHON" -c "import shutil; caches = shutil.ignore_patterns('__pycache__', '.*'); \
	  shutil.copytree('lib/walkgram', 'build/zip/walkgram', ignore=caches); shutil.make_archive('dist/walkgram', 'zip', 'build/zip')"

lock: $(READY)  ## pin requirements.txt from pyproject.toml
	"$$PYSPARK_PYTHON" -m pip install -q uv
	echo 'pyspark==4.1.4' | $(VENV)/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --constraint - -o requirements.txt

setup: java $(READY)  ## only the environment

java:
	@version=$$("$${JAVA_HOME:+$$JAVA_HOME/bin/}java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p'); \
	[ "$${version:-0}" -ge 17 ] || { echo "walkgram needs Java 17 or newer: apt-get install openjdk-17-jre-headless, or set JAVA_HOME"; exit 1; }

$(READY): requirements.txt pyproject.toml
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "walkgram needs Python 3.11 or newer: apt-get install python3 python3-venv, or name one: make PYTHON=/path/to/python3"; exit 1; }
	@"$$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "walkgram needs Python's venv module: apt-get install python3-venv"; exit 1; }
	"$$PYTHON" -m venv $(VENV)
	"$$PYSPARK_PYTHON" -m pip install --require-hashes --no-deps -r requirements.txt
	"$$PYSPARK_PYTHON" -m pip install --no-deps --no-build-isolation -e .
	@touch $(READY)

clean:  ## remove what the build made (tables under out/ stay)
	rm -rf $(VENV) dist build
