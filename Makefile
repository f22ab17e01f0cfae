# Convenience over the commands of CONTRIBUTING.md, never a second truth.
# Inside the conda environment `amused` these lines use it; elsewhere they build .venv once.

ifeq ($(CONDA_DEFAULT_ENV),amused)
BIN := $(CONDA_PREFIX)/bin
STAMP :=
else
BIN := .venv/bin
STAMP := .venv/installed
endif

PYTHON ?= $(shell command -v python3.11 || command -v python3)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check slow notebooks browser verify pages lab theatre

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: $(STAMP)  ## build .venv from requirements.txt (the others do it when it is missing)

# The stamp is written last: an interrupted installation is taken up again.
.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Python 3.11 is needed and $(PYTHON) is another: make setup PYTHON=/path/to/python3.11"; exit 2; }
	@test -x .venv/bin/pip || $(PYTHON) -m venv .venv || \
	  { echo "python -m venv failed: install python3.11-venv, or use conda (environment.yml)"; exit 2; }
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

demo: $(STAMP)  ## prompts -> pictures, step panel, metrics (at most three minutes on two cores)
	$(BIN)/python -m src.run +exp=first_light

test: $(STAMP)  ## the quick tests, offline, on the processor: two at a time, a thread each
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: $(STAMP)  ## lint, format, who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

slow: $(STAMP)  ## full-size parity and other tests of minutes, two at a time
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "slow and not verify and not browser"

notebooks: $(STAMP)  ## run every notebook from top to bottom
	PYTHONPATH=$(CURDIR) $(BIN)/python -m pytest -q -o addopts= --nbmake notebooks

browser: $(STAMP)  ## JupyterLab and Voila in a real browser (Debian: apt-get install chromium)
	$(BIN)/python -m pytest -q -m browser tests/theatre

verify: $(STAMP)  ## the long claims; each is noted in experiments/verify/record.json
	$(BIN)/python -m pytest -q -m verify --record experiments/verify/record.json

pages: $(STAMP)  ## run the notebooks and build a static site of them in outputs/pages
	$(BIN)/python -m src.run +exp=pages

lab: $(STAMP)  ## JupyterLab at the project's root, so that `import src` works
	PYTHONPATH=$(CURDIR) $(BIN)/jupyter lab

theatre: $(STAMP)  ## the unmasking theatre as a page of its own
	PYTHONPATH=$(CURDIR) $(BIN)/voila notebooks/theatre.ipynb
