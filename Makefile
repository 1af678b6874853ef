.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTEST_ARGS ?=
CHAOS_ARGS ?=
EXAMPLES ?= 100000

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install everything into the checkout
	@.ci/setup

run: setup ## start Stockbell with a demo shop (Ctrl-C stops it)
	@exec .venv/bin/stockbell up --demo

test: ## set up and run all tests (PYTEST_ARGS="-k name" for some)
	@.ci/setup --test
	@TMPDIR=$$(mktemp -d -t stockbell-test.XXXXXX); export TMPDIR; trap 'rm -rf "$$TMPDIR"' EXIT; \
	.venv/bin/python -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

lint: ## check style, types, the widget and the Shopify extension
	@.ci/setup --lint
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.ci/with-node npm --prefix widget run --silent check
	@.ci/with-node npm --prefix snippets/shopify run --silent check

bench: setup ## measure, as ratios to a floor of the same run (Lighthouse: python -m bench lighthouse)
	@.venv/bin/python -m bench

chaos: ## play restocks under kills and cut connections (CHAOS_ARGS="--seeds 1-200 --parallel 3")
	@.ci/setup --test
	@.venv/bin/python -m tests.chaos $(CHAOS_ARGS)

engine: ## play random histories against the engine and a model (EXAMPLES=100000)
	@.ci/setup --test
	@ENGINE_EXAMPLES=$(EXAMPLES) .venv/bin/python -m pytest -n 2 -q tests/plugin/domain/test_engine_machine.py

pictures: ## make the README's pictures anew
	@.ci/setup --test
	@.venv/bin/python docs/pictures.py
	@.venv/bin/python docs/widget_pictures.py
	@.venv/bin/python docs/shopify_pictures.py

clean: ## remove everything that was installed or built (not .stockbell/, which holds data)
	rm -rf .venv .cache widget/dist widget/node_modules snippets/shopify/node_modules bench/lighthouse/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup run test lint bench chaos engine pictures clean
