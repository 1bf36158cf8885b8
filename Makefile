# Two commands set everything up, each alone and from a fresh clone: `make demo` and `make test`.
# They need a Python >= 3.11 (the first found, or PYTHON=...) and write to .venv only.

VENV ?= .venv
BIN := $(VENV)/bin
SETUP := PYTHON="$(PYTHON)" scripts/venv.sh $(VENV)
PYTHON ?=
# Options for pytest, such as PYTEST="-x tests/test_mapping.py --no-cov".
PYTEST ?=
# Options for the benchmark, such as BENCH=--all or BENCH="--only start-*"; `python -m tests.benchmarks --help` lists them.
BENCH ?=
# Where its files and the environments of the peers are kept: 8 GB and 5 GB.
BENCH_DIR ?= build/bench
# Options for JupyterLab, such as LAB="--no-browser --allow-root".
LAB ?=

.PHONY: help demo test test-tools test-newest test-scvi-newest test-oldest lint format docs lab bench wheel sanitize hooks clean

help:
	@echo "make demo    install, open the demo collection, train on it"
	@echo "make test    install, then lint, types, layers and all tests"
	@echo "make test-newest, make test-oldest"
	@echo "             the tests with the newest and the oldest versions that are supported"
	@echo "make test-scvi-newest"
	@echo "             the tests of mappedviz.scvi with the newest scvi-tools; a part of test-newest"
	@echo "make lint    ruff, mypy, the layers, and what surrounds the package"
	@echo "make format  let ruff mend what it can"
	@echo "make docs    build the documentation into docs/_build/html"
	@echo "make lab     JupyterLab on the notebooks"
	@echo "make bench   measure against the peers (half an hour), draw the picture, write the tables"
	@echo "make wheel   wheels and sdists of a release into dist/, tried in an empty environment"
	@echo "make sanitize the tests of the compiled core with address and undefined-behaviour checks"
	@echo "make hooks   run the checks at every commit"
	@echo "make clean   remove what all of these made, .venv included"

demo:
	@$(SETUP)
	@$(BIN)/python examples/demo.py

test:
	@$(SETUP) test
	@$(MAKE) --no-print-directory -j 2 lint test-tools
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(if $(PYTEST),--no-cov,--cov --cov-report=term) $(PYTEST)

# What tests need beside Python, while the code is checked.
test-tools:
	@scripts/chromium.sh
	@scripts/axe.sh
	@scripts/tools.sh interop $(BIN)/python || \
	    echo "mappedviz: NO INTEROP: files for MultiQC and Croissant will NOT be tested." >&2
	@scripts/tools.sh snakemake $(BIN)/python || \
	    echo "mappedviz: NO SNAKEMAKE: examples/workflows/Snakefile will NOT be run as a whole." >&2

# The same tests on other stacks. What checks the repository itself is left out, and what the
# browser shows. For Python 3.13 there is no small torch: what needs it is left out and said.
# Warnings of third parties are theirs: ours are errors.
STACK_TESTS = -m pytest -n 2 --dist loadgroup -o "filterwarnings=error:::mappedviz" --ignore tests/repo --ignore tests/browser \
    --ignore tests/reference --ignore tests/benchmarks $(PYTEST)
CHECKERS := import-linter mypy pandas-stubs ruff scipy-stubs types-tqdm

test-newest:
	@python=$$(scripts/find_python.sh 3.13) && PYTHON=$$python CONSTRAINTS=constraints-newest.txt \
	    LEAVE_OUT="accelerate lightning scvi-tools torch torchdata transformers $(CHECKERS)" scripts/venv.sh .venv-newest test
	.venv-newest/bin/python $(STACK_TESTS) --doctest-ignore-import-errors
	@$(MAKE) test-scvi-newest

test-scvi-newest:
	@$(SETUP) test
	scripts/scvi_newest.sh $(BIN)/python $(PYTEST)

test-oldest:
	@python=$$(scripts/find_python.sh 3.11) && PYTHON=$$python CONSTRAINTS=constraints-oldest.txt \
	    LEAVE_OUT="flask flask-cors moto transformers $(CHECKERS)" scripts/venv.sh .venv-oldest test
	.venv-oldest/bin/python $(STACK_TESTS)

lint:
	@$(SETUP) test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@scripts/repository.sh $(BIN)/python

format:
	@$(SETUP) test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs:
	@$(SETUP) docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

lab:
	@$(SETUP) lab
	@$(BIN)/mappedviz lab -- $(LAB)

bench:
	@$(SETUP) bench
	tests/benchmarks/make_peer_envs.sh $(BENCH_DIR)/peers
	$(BIN)/python -m tests.benchmarks --data $(BENCH_DIR)/data --envs $(BENCH_DIR)/peers --repeats 2 --touch 2 \
	    --out $(BENCH_DIR)/out $(BENCH)
	$(BIN)/python -m tests.benchmarks.publish $(BENCH_DIR)/out

wheel:
	@$(SETUP)
	@$(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt ziglang
	@$(BIN)/python scripts/wheel.py

sanitize:
	@$(SETUP) test
	@scripts/sanitize.sh $(BIN)/python

hooks:
	@$(SETUP) test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pre-commit
	$(BIN)/pre-commit install

clean:
	rm -f mappedviz/native/_core.*
	rm -rf $(VENV) build dist docs/_build docs/_static/gallery docs/_static/live docs/tutorials docs/api/generated htmlcov .coverage* \
	    .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
