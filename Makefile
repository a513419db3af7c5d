# make demo and make test do all their own set-up; the second time they start at once.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BASELINES := $(VENV)/.baselines

.PHONY: demo compare weights test lint benchmark clean
demo: $(READY)
	$(BIN)/python experiments/demo.py

compare: $(BASELINES)
	$(BIN)/python experiments/compare_phantom_methods.py

weights: $(READY)
	$(BIN)/python experiments/make_weights.py

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

benchmark: $(READY)
	$(BIN)/python experiments/benchmark.py

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'found Python %d.%d, needed 3.11 or newer: make PYTHON=python3.12' % sys.version_info[:2])"
	@$(BIN)/python -c "import sys, pip; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install -r requirements.txt
	touch $(READY)

$(BASELINES): $(READY)
	$(BIN)/python -m pip install -e ".[baselines]"
	touch $(BASELINES)

clean:
	rm -rf $(VENV) demo phantom_methods
