# SPDX-License-Identifier: GPL-3.0-or-later
# Each target is one line that calls a script; tools/with_python.sh finds Python 3.11 and 3.13, the ones inside Blender.
# Environments are made under build/ when first needed.
.DEFAULT_GOAL := help
.PHONY: help demo test lint typing test-unit test-export test-training test-triposr test-blender test-package test-window format wheels package package-gpu bench bench-triposr bench-retopo fuzz pictures dataset train evaluate graphs clean

PYTHON := @sh tools/with_python.sh
RUN := $(PYTHON) tools/environments.py

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## reconstruct a photo from examples/ into build/demo: .blend, .glb, rendered turntable, UV layout
	$(RUN) tools/demo.py $(ARGS)

test: ## run every test, in tiers: lint, unit, export, training, blender, package, window
	$(PYTHON) tools/test.py $(ARGS)

lint: ## ruff, mypy and codespell
	$(PYTHON) tools/test.py lint

test-unit: ## the engine, without Blender (ARGS="--python 3.13 -- -k surface")
	$(PYTHON) tools/test.py unit $(ARGS)

test-export: ## the networks' definitions in PyTorch: graphs made anew, one full size against its authors' code
	$(PYTHON) tools/test.py export $(ARGS)

test-training: ## how the bundled network's data are made and its losses judge
	$(PYTHON) tools/test.py training $(ARGS)

test-blender: ## the extension inside Blender 4.5 and 5.2 as Python modules
	$(PYTHON) tools/test.py blender $(ARGS)

test-triposr: ## TripoSR at full size in Blender, with a checkpoint of the official layout (3 GB of memory)
	@IMAGE_TO_3D_FULL_SIZE=1 sh tools/with_python.sh tools/test.py blender $(ARGS) -- -k test_systems

test-package: ## build the zip, install it into an empty Blender, run it there
	$(PYTHON) tools/test.py package $(ARGS)

test-window: ## a real Blender 5.2 with its window, mouse and keyboard (Linux, root)
	$(PYTHON) tools/test.py window $(ARGS)

typing: ## mypy alone
	$(PYTHON) tools/test.py typing

format: ## let ruff format everything
	$(RUN) tools/format.py

wheels: ## download the pinned wheels that ship into wheels/
	$(RUN) tools/fetch_wheels.py $(ARGS)

package: ## build and validate the installable zips, one per platform, into dist/
	$(RUN) tools/package.py $(ARGS)

package-gpu: ## the same with ONNX Runtime's CUDA build, for Linux and Windows, into dist/gpu/
	$(RUN) tools/package.py --gpu $(ARGS)

bench: ## measure, and write docs/benchmarks.md
	$(RUN) --python 3.13 tools/bench.py $(ARGS)

bench-triposr: ## measure TripoSR against its authors' pipeline (ARGS="--official CHECKOUT --official-python PYTHON")
	$(RUN) --python 3.13 tools/bench.py triposr -- $(ARGS)

bench-retopo: ## measure retopology and baking on 20 objects (10 minutes; ARGS="--count 4")
	$(RUN) --python 3.13 tools/bench.py retopology -- $(ARGS)

fuzz: ## feed made-up files to the checkpoint readers (ARGS="--seconds 600"; Python 3.11)
	$(RUN) --python 3.11 tools/fuzz.py $(ARGS)

pictures: ## make the documentation's pictures anew (after make test-window; ARGS=--screenshots for its screenshots alone)
	$(RUN) tools/pictures.py $(ARGS)

dataset: ## build Pebble's training data in build/dataset, for hours; may be stopped and started again
	$(RUN) --python training training.data $(ARGS)

train: ## train Pebble, or go on training it, with build/dataset
	$(RUN) --python training training.train $(ARGS)

evaluate: ## measure the bundled Pebble on held-out objects
	$(RUN) --python training training.evaluate $(ARGS)

graphs: ## export the weightless graphs of others' networks into inference/graphs/ (ARGS="--only triposr*")
	$(RUN) --python export export $(ARGS)

clean: ## remove everything that was built, environments too
	rm -rf build dist
