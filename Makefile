# make demo | test | slow | lint | bench | docs | lock | clean
# Needs Python 3.11 or newer with venv; everything else goes into .venv at the versions of constraints.txt.

PYTHON ?= python3
VENV ?= .venv
TESTS ?= tests
RUN := $(VENV)/bin/python
READY := $(VENV)/ganstyle-ready
PIP := $(RUN) -m pip --disable-pip-version-check --no-input

.PHONY: demo test slow lint bench docs lock clean install
.DELETE_ON_ERROR:

demo: $(READY)
	@GANSTYLE=$(VENV)/bin/ganstyle PYTHON=$(RUN) sh docs/demo.sh

test: $(READY)
	$(RUN) -m pytest $(TESTS)

slow: $(READY)
	$(RUN) -m pytest -m slow $(TESTS)

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m mypy ganstyle

bench: $(READY)
	$(RUN) benchmarks/startup.py

docs: $(READY)
	$(RUN) docs/generate_reference.py

lock: $(READY)
	$(RUN) docs/write_constraints.py

install: $(READY)

# Pictures and runs stay: they are yours.
clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@command -v $(PYTHON) >/dev/null || { \
	  echo "error: there is no $(PYTHON)"; echo "hint:  apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: ganstyle needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version)"; \
	  echo "hint:  make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "error: $(PYTHON) can't make a virtual environment"; \
	  echo "hint:  apt-get install python3-venv, then make $(MAKECMDGOALS)"; exit 1; }

# The build backend is installed first and used without isolation, so that its version is pinned as well.
$(READY): pyproject.toml constraints.txt | $(RUN)
	$(PIP) install -q -c constraints.txt hatchling
	$(PIP) install -q -c constraints.txt --no-build-isolation -e ".[dev]"
	@touch $@
