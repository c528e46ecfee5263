# Two commands matter: `make run` tries Feedbell, `make test` proves it.
# Each installs what it lacks, says what it does, and does nothing twice.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PROFILE := $(if $(RELEASE),release,debug)
# npm writes this file last: as old as the packages are.
UI_PACKAGES := ui/node_modules/.package-lock.json
UI_FILES := $(shell find ui locales -type f -not -path 'ui/node_modules/*' -not -path 'ui/dist/*' -not -path 'ui/dist-hub/*' 2>/dev/null)

.PHONY: help run test proof build package lint bench ui ui-packages icons clean setup

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo '  RELEASE=1 with run or build: optimised programs; ONLY="name ..." with test: these sections alone'

run: build ## build, then start the app with a hub and a feed to try (no display: in the terminal)
	@scripts/run $(PROFILE)

test: ## install what the tests need and run all of them
	@scripts/test $(ONLY)

proof: ui ## what breaks a hub of several nodes, for longer than in `make test`
	@FEEDBELL_PROOF=1 scripts/test setup cluster

build: ui ## build the window's pages and both programs, start nothing
	@. scripts/env; echo "build: both programs ($(PROFILE))"; cargo build --locked --workspace --bins $(if $(RELEASE),--release)

package: ## build optimised programs and pack both into a .deb
	@$(MAKE) --no-print-directory build RELEASE=1
	@scripts/package release

lint: ui ## check formats, types and lints alone
	@scripts/test ui-check format clippy

bench: ui ## measure what docs/performance.md tells (long, optimised)
	@. scripts/env; cargo bench --locked -p feed --bench reading --bench reading-allocations
	@. scripts/env; cargo build --locked --profile measure -p cli --bin feedbell
	@. scripts/env; cargo bench --locked --profile measure -p hub --bench log --bench hub
	@. scripts/env; cargo bench --locked --profile measure -p notifier --bench flood --bench search
	@scripts/setup test; . scripts/env; cargo build --locked --profile measure -p feedbell-desktop -p cli --bins --example bare
	@/usr/bin/python3 tests/desktop/latency.py
	@/usr/bin/python3 tests/desktop/light.py

ui: ui/dist/index.html ui/dist-hub/index.html ## build the window's pages into ui/dist, the hub's into ui/dist-hub

icons: ## draw icons/src again (needs rsvg-convert)
	@scripts/icons.sh

clean: ## remove everything built or fetched here
	rm -rf target gen ui/dist ui/dist-hub ui/node_modules .node

setup:
	@scripts/setup build

ui-packages: $(UI_PACKAGES)

$(UI_PACKAGES): ui/package.json ui/package-lock.json | setup
	@. scripts/env; echo "ui: fetching packages"; npm --prefix ui ci --no-audit --no-fund --loglevel=error
	@touch $@

ui/dist/index.html: $(UI_PACKAGES) $(UI_FILES) | setup
	@. scripts/env; echo "ui: building ui/dist"; npm --prefix ui run --silent build:window
	@touch $@

ui/dist-hub/index.html: $(UI_PACKAGES) $(UI_FILES) | setup
	@. scripts/env; echo "ui: building ui/dist-hub"; npm --prefix ui run --silent build:hub
	@touch $@
