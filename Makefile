# FastSeqTrack: `make` alone lists the targets. Nothing is needed beforehand but Python 3.10-3.13, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
TRACK := $(BIN)/fastseqtrack
# Chapters are tested in as many processes as there are cores, so each takes one thread.
TEST_THREADS ?= 1
# How much `make fuzz` tries.
KILLS ?= 50
FUZZ ?= 10000
# onnxruntime-web runs the tracker in the browser; its files are copied into the site.
ONNX_WEB := onnxruntime-web@1.30.0

.DEFAULT_GOAL := help
.PHONY: help install figures reproduce reproduce-full ablation test fuzz gpu book site clean

help:  ## list these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: $(READY)  ## set up .venv (the other targets do it by themselves)

# uv installs in seconds what takes pip minutes; torch, torchvision and timm are resolved together.
$(READY): settings.ini setup.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[dev]'
	@touch $@

figures: $(READY)  ## tables and figures drawn again from the committed records, in seconds: no model runs
	$(BIN)/python -m fastseqtrack.paper.artefacts

reproduce: $(READY)  ## tables and figures from the committed records, with a part of them measured anew
	$(TRACK) reproduce

reproduce-full: $(READY)  ## every record measured anew; goes on where it was interrupted
	$(TRACK) reproduce --full

ablation: $(READY)  ## train the models of Table 3 into runs/ablation, one after the other; goes on where it was interrupted
	$(TRACK) train --ablation --out runs/ablation

test: $(READY)  ## the chapters' own tests, then tests/
	@# A process per chapter: a loader forked beside another chapter's threads would wait for them without end.
	ls nbs/[0-9t]*.ipynb nbs/index.ipynb | OMP_NUM_THREADS=$(TEST_THREADS) xargs -P 2 -n 1 $(BIN)/nbdev_test --path
	OMP_NUM_THREADS=$(TEST_THREADS) $(BIN)/python -m pytest -q tests

fuzz: $(READY)  ## every fault that was ever met, 50 kills and 10,000 random inputs; writes the table of the chapter on faults
	FASTSEQTRACK_KILLS=$(KILLS) FASTSEQTRACK_FUZZ=$(FUZZ) FASTSEQTRACK_FAULTS=figures/records/faults.json OMP_NUM_THREADS=1 \
	$(BIN)/python -m pytest -q tests/test_fuzz.py tests/test_faults.py tests/test_killed_evaluation.py tests/test_training_stops.py

# On an offline node: no installation, the package runs from the checkout.
gpu:  ## CUDA tests, speed of the paper presets and training, in one job (see chapter `cli.gpu_job`)
	PYTHONPATH=. $(PYTHON) -m fastseqtrack.cli.gpu_job

book: $(READY)  ## run every chapter, store its outputs, render README.md from nbs/index.ipynb
	$(BIN)/python -m fastseqtrack.book run
	$(BIN)/python -m fastseqtrack.book readme

# Needs Python 3.11 (Sphinx 8.2) and npm. Nothing in the site is loaded from the web.
site: $(READY)  ## the book as web pages in _docs/html, stored outputs as they are, and the tracker in a browser
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[site]'
	rm -rf _docs/source && mkdir -p _docs/source _docs/npm
	cp -a docs/. nbs figures CONTRIBUTING.md CHANGELOG.md CITATION.cff _docs/source
	$(BIN)/python -m sphinx -q -W --keep-going -j auto _docs/source _docs/html
	cd _docs/npm && test -d package || (npm pack --silent $(ONNX_WEB) && tar xzf onnxruntime-web-*.tgz)
	$(BIN)/python docs/track/pack.py _docs/html/track _docs/npm/package/dist
	$(BIN)/python docs/check_links.py _docs/html

clean:  ## remove .venv and caches; figures/ and runs/ stay
	rm -rf $(VENV) _docs build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
