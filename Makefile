# Two commands: `make up` and `make test`. Both do all the set-up on a fresh machine, and are quick the second time.
# They need nothing but Python 3.11 or later with its venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
unexport PYTHONDONTWRITEBYTECODE # each page is a process: what it imports is compiled once, not once for each of them

.PHONY: up test test-long test-scale test-lake lint style format lock docs clean

up: $(READY)
	@exec $(BIN)/stormplay up $(ARGS)

# Its types are checked by a test of it, beside others: mypy takes half a minute of one core.
test: $(READY) style
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not long" $(ARGS)

# What takes minutes: marathons, kills, lives of servers and labs, a team from nothing, a hub, benchmarks that must run.
test-long: $(READY)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m long $(ARGS)

# The slow lane: the stream against Apache Kafka itself. Needs Java 17 or later and Maven.
test-scale: $(READY)
	@$(BIN)/python -m pytest tests/scale --ignore tests/scale/test_lakehouse_job.py $(ARGS)

# The lakehouse's job, in Flink and Trino themselves: a gigabyte of downloads and five minutes. Trino wants Java 24.
test-lake: $(READY)
	@$(BIN)/python -m pytest tests/scale/test_lakehouse_job.py $(ARGS)

lint: $(READY) style
	@$(BIN)/mypy

style: $(READY)
	@$(BIN)/ruff format --check -q . || { echo "Run 'make format'."; exit 1; }
	@$(BIN)/ruff check -q .
	@$(BIN)/lint-imports --no-logo

format: $(READY)
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .
	@$(BIN)/nbstripout notebooks/*.ipynb

# Newer versions of everything, written to requirements.lock and environment.yml.
lock: $(READY)
	@$(BIN)/python tools/lock.py

# The reference from the docstrings, and the pictures in docs/ from the running product.
docs: $(READY)
	@$(BIN)/python tools/api.py
	@$(BIN)/python tools/screenshots.py

# The set-up. The stamp is written last, so a set-up that was cut off is done again.
$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Stormplay needs Python 3.11 or later; run 'make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)'."; exit 1; }
	@echo "Setting up $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo "Python's venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		"uv$$(sed -n 's/^uv\(==[^ ]*\).*/\1/p' requirements.lock)"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(READY)

clean:
	@-test -x $(BIN)/python && $(BIN)/python -c "from stormplay import embedded; embedded.stop()" 2>/dev/null
	rm -rf $(VENV) .stormplay .mypy_cache .ruff_cache .import_linter_cache reports build lib/*.egg-info
