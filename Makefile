# make demo    simulate 1,000 virtual children; everything needed is set up first
# make serve   open the page on this machine
# make test    lint, layer contracts, types, tests (those in a browser need chromium; as root it is installed)
# make surprise  the tests that draw their own examples, with new ones each time
# make verify  hold the engine against an independent solver on whole treatments: docs/verification.md
# make validate  play published trials, observed beside simulated: docs/validation.md, docs/side-effects.md, docs/credibility.md
# make calibrate  fit the numbers that nobody measured to the published ones that may be fitted (hours): docs/calibration*.md
# make treatments  one patient for each treatment, drawn: docs/treatments.md
# make formats    the table of docs/formats.md, as the registry of formats has it
# make grammar    the tables of the parser, when sentences.lark has changed (it works without, but starts more slowly)
# make language   every word of the protocol language with an example: docs/language.md
# make translations  what each language of the page has, what is missing or old: docs/translation.md
# make what-ifs  one thing changed in a treatment, side by side: docs/what-ifs.md
# make charts  forecasts of single patients against simpler ones, CHARTS=folder of charts (15 min): docs/charts.md
# make sanitize  the core under address, undefined-behaviour and thread sanitizers: all protocols, and arrays that lead astray
# make benchmark million  the reference problem in remission and in what people use, every protocol before and now
# make million  a million patients written to Parquet on two cores and 2 GiB: docs/scaling.md
# make cohorts  play the scenarios that travel with the package (what is still of these numbers stays; FRESH=1: all)
# make wheel   a wheel with the compiled core, for machines without a compiler
# make lock    write requirements.lock anew from pyproject.toml
# make clean   remove the environment and caches (not runs/)

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready
CORE := CMakeLists.txt $(wildcard src/remission/engine/core/*)
KNOWLEDGE := src/remission/knowledge
KEPT := $(KNOWLEDGE)/kept.pickle

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test surprise browser verify validate calibrate treatments formats grammar language translations what-ifs charts cohorts sanitize benchmark million lint format lock \
        wheel clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup: $(KEPT)

# Made again only when the lock changes.
$(LOCKED): requirements.lock
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "$(PYTHON) was not found. Install Python 3.11 (or newer and say which: make PYTHON=python3.12 demo)." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) cannot be used: Python 3.11 or newer is needed." >&2; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) has no venv module (on Debian and Ubuntu it is in the package python3.11-venv)." >&2; exit 2; }
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

# The C++ compiler, as CXX: one of the machine, else one from PyPI (ziglang).
define WITH_COMPILER
for compiler in "$$CXX" c++ g++ clang++; do \
  command -v "$$compiler" >/dev/null 2>&1 && { export CXX="$$compiler"; found=yes; break; }; done; \
test "$$found" = yes || { \
  echo "No C++ compiler was found: taking one from PyPI ..."; \
  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r compiler.lock && \
  printf '#!/bin/sh\nexec "%s/python" -m ziglang c++ "$$@"\n' "$(CURDIR)/$(BIN)" > $(BIN)/zig-c++ && \
  chmod +x $(BIN)/zig-c++ && export CXX="$(CURDIR)/$(BIN)/zig-c++"; } && \
PATH="$(CURDIR)/$(BIN):$$PATH"
endef

# And when the package's metadata or the core's sources do: the core is compiled, in about half a minute.
$(READY): $(LOCKED) pyproject.toml $(CORE)
	@echo "Compiling the core ..."
	@$(WITH_COMPILER) $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# What is read of the shipped knowledge, once for all starts; where it is old or missing they take a second more. A core
# that was compiled anew reads nothing else.
$(KEPT): $(LOCKED) $(shell find $(KNOWLEDGE) src/remission/patient src/remission/protocol -name '*.py' -o -name '*.yaml') | $(READY)
	@$(BIN)/python -m remission.trial.keep

demo: $(KEPT)
	$(BIN)/remission simulate cog-standard-risk --patients 1000 --seed 1 --out runs/demo --fresh

serve: $(READY)
	$(BIN)/remission serve --open

test: lint browser
	$(BIN)/pytest -n 2 --dist worksteal

surprise: $(READY)
	$(BIN)/pytest -n 2 --dist worksteal --hypothesis-profile=default

# A browser for tests/page/browser. Where none is and none can be installed, those tests are skipped and say so.
browser:
	@for name in chromium chromium-browser google-chrome-stable google-chrome; do \
	  command -v $$name >/dev/null 2>&1 && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing chromium for the tests in a browser ..."; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    chromium fonts-noto-core fonts-wqy-microhei; } >/dev/null 2>&1 || \
	  echo "chromium could not be installed: the tests in a browser will be skipped." >&2; \
	else echo "No chromium here: the tests in a browser will be skipped (apt-get install chromium)." >&2; fi

PATIENTS ?= 200

verify: $(READY)
	cd tests && ../$(BIN)/python -m verification --patients $(PATIENTS) $(FEW:%=--few %) --out ../docs/verification.md

# The seed is one that no fit used.
SEED ?= 9211

validate: $(READY)
	@mkdir -p runs
	$(BIN)/remission validate --patients 1000 --seed $(SEED) --out docs/validation.md --json > runs/trials.json
	$(BIN)/remission validate --side-effects --patients 4000 --seed $(SEED) --out docs/side-effects.md --json > runs/effects.json
	$(BIN)/remission credibility runs/trials.json runs/effects.json --out docs/credibility.md

calibrate: $(READY)
	$(BIN)/remission calibrate calibration/counts.yaml --apply --report docs/calibration-counts.md
	$(BIN)/remission calibrate calibration/leukaemia.yaml --apply --report docs/calibration.md
	$(BIN)/remission calibrate calibration/relapse.yaml --apply --report docs/calibration-relapse.md
	$(BIN)/remission calibrate calibration/side-effects.yaml --apply --report docs/calibration-side-effects.md

treatments: $(READY)
	$(BIN)/python docs/treatments.py

formats: $(READY)
	$(BIN)/python docs/formats.py

grammar: $(READY)
	PYTHONHASHSEED=0 $(BIN)/python -c "from pathlib import Path; from remission.protocol import grammar as g; \
	  g.write_tables(Path(g.__file__).with_name(g.TABLES))"

language: $(READY)
	$(BIN)/python docs/language.py

translations: $(READY)
	$(BIN)/remission translations

what-ifs: $(READY)
	$(BIN)/python docs/what_ifs.py

charts: $(READY)
	$(BIN)/python benchmarks/charts.py --charts $(or $(CHARTS),../shared/data/maintenance) --out docs/charts.md

cohorts: $(READY)
	$(BIN)/python -m remission.page.cohorts $(if $(FRESH),--fresh)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

EVERY ?= 20

sanitize: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/guards/sanitize.py --every $(EVERY)

benchmark: $(READY)
	@echo "Installing what remission is compared with ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements.lock
	@mkdir -p runs
	$(BIN)/python benchmarks/compare.py --keep runs/benchmark-references --out docs/benchmark.md
	$(BIN)/python benchmarks/protocols.py --before benchmarks/c876a6c.json --out docs/benchmark.md
	$(BIN)/python benchmarks/steps.py --out docs/benchmark.md

million: $(READY)
	@mkdir -p runs
	$(BIN)/python benchmarks/million.py --folder runs --out docs/scaling.md

lock: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-config --upgrade --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group benchmark --constraint requirements.lock --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-config --upgrade \
	  --output-file benchmarks/requirements.lock
	echo "ziglang>=0.13" | $(BIN)/uv pip compile - --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-config --upgrade --output-file compiler.lock

# A wheel that needs no compiler: the core for every kind of x86-64 processor in one file.
wheel: $(KEPT)
	@$(WITH_COMPILER) $(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist \
	  --config-settings="cmake.define.REMISSION_PROCESSORS=v2;v3;v4" --config-settings=build-dir=build/portable .
	@ls -l dist/*.whl

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
