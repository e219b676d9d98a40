# `make run` builds and starts Signalbox; `make test` checks everything. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# Cargo's output stays quiet behind one line per stage; `make V=1 …` shows all of it.
V ?=
QUIET := $(if $(V),,--quiet)
SAY := @printf '• %s\n'

TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/signalbox
WASM_TARGET := wasm32-unknown-unknown

# The command and the crate must agree to the last digit, so the lock file decides.
WASM_BINDGEN_VERSION := $(shell awk '/^name = "wasm-bindgen"$$/ {getline; gsub(/[^0-9.]/, ""); print; exit}' Cargo.lock)
WASM_BINDGEN_ROOT := $(CACHE)/tools/wasm-bindgen-$(WASM_BINDGEN_VERSION)
# Reads what the crate `wasm_split_helpers` of the lock file writes.
WASM_SPLIT_VERSION := 0.2.4
WASM_SPLIT_ROOT := $(CACHE)/tools/wasm-split-$(WASM_SPLIT_VERSION)
export PATH := $(WASM_SPLIT_ROOT)/bin:$(WASM_BINDGEN_ROOT)/bin:$(CURDIR)/node_modules/.bin:$(PATH)

# What runs side by side shares this many jobs: make hands them to cargo.
JOBS := $(shell nproc 2>/dev/null || echo 2)

WASM := $(TARGET_DIR)/$(WASM_TARGET)/wasm-release/signalbox.wasm
WORKBENCH := $(TARGET_DIR)/$(WASM_TARGET)/wasm-workbench/signalbox.wasm
CLIENT := target/client
SITE := target/site
BINARY := target/release/signalbox

# Folders too, so that a file that went away counts as a change.
SITE_SOURCES := $(shell find style public)

.PHONY: help
help:
	@printf '%s\n' \
	  'make run           build what is missing and start on http://127.0.0.1:3000' \
	  'make build         the one file: $(BINARY)' \
	  'make watch         rebuild and reload while you edit (needs cargo-leptos)' \
	  'make test          everything that must pass' \
	  'make lint          formatting, clippy for the library, the server and the client, docs' \
	  'make test-rust     unit, property and integration tests' \
	  'make sim           random lives of many runs, checked at every step (docs/simulation.md)' \
	  'make bench         how fast it is, beside the disk itself (docs/benchmarks.md)' \
	  'make crash         kill -9 of the server, a hundred times under load (docs/crashes.md)' \
	  'make test-parity   the compiler that ships as WASM beside the server, on thousands of definitions' \
	  'make test-browser  the browser tests, in Chromium' \
	  'make format        put the sources into shape' \
	  'make clean         remove what was built here'

# ---- Running -------------------------------------------------------------------------------------

.PHONY: run
run: build
	@exec ./$(BINARY) serve

.PHONY: watch
watch: setup
	@command -v cargo-leptos >/dev/null || { printf '%s\n' \
	  'make watch needs cargo-leptos. Install it with:' \
	  '  OPENSSL_NO_VENDOR=1 cargo install --locked cargo-leptos@0.3.10 --features no_downloads' \
	  '(a C compiler, pkg-config and libssl-dev are needed; it takes some minutes)' \
	  'Without it, `make run` after each change does the same by hand.'; exit 1; }
	@SIGNALBOX_SITE='$(CURDIR)/target/site-watch' exec cargo leptos watch

# ---- Setting up ----------------------------------------------------------------------------------

.PHONY: setup
setup: prerequisites wasm-target wasm-bindgen wasm-split node_modules/.installed

.PHONY: prerequisites
prerequisites:
	@for tool in cargo cc node npm; do \
	  command -v $$tool >/dev/null || { echo "Signalbox is built with $$tool, which is not installed." >&2; exit 1; }; \
	done

.PHONY: wasm-target
wasm-target: prerequisites
	@if [ ! -d "$$(env -u MAKEFLAGS -u MFLAGS rustc --print sysroot)/lib/rustlib/$(WASM_TARGET)" ]; then \
	  echo '• Adding the WASM target to Rust'; \
	  command -v rustup >/dev/null || { echo 'Install the Rust standard library for $(WASM_TARGET), or rustup.' >&2; exit 1; }; \
	  rustup $(QUIET) target add $(WASM_TARGET); \
	fi

# Unoptimised, because it then compiles in half the time and still does its work in a second.
.PHONY: wasm-bindgen
wasm-bindgen: prerequisites
	+@if [ "$$(wasm-bindgen --version 2>/dev/null)" != 'wasm-bindgen $(WASM_BINDGEN_VERSION)' ]; then \
	  echo '• Installing wasm-bindgen $(WASM_BINDGEN_VERSION), which joins the client to the browser (about 2 minutes)'; \
	  env -u CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
	  cargo install $(QUIET) wasm-bindgen-cli@$(WASM_BINDGEN_VERSION) --bin wasm-bindgen --root '$(WASM_BINDGEN_ROOT)'; \
	fi

.PHONY: wasm-split
wasm-split: prerequisites
	+@if [ ! -x '$(WASM_SPLIT_ROOT)/bin/wasm-split-cli' ]; then \
	  echo '• Installing wasm-split, which divides the client into parts (about 2 minutes)'; \
	  env -u CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
	  cargo install $(QUIET) wasm_split_cli_support@$(WASM_SPLIT_VERSION) --features build-binary --bin wasm-split-cli \
	    --root '$(WASM_SPLIT_ROOT)'; \
	fi

node_modules/.installed: package.json package-lock.json | prerequisites
	$(SAY) 'Installing the tools that shrink the client and bundle the styles'
	@npm ci --silent --no-audit --no-fund
	@touch $@

# ---- Building ------------------------------------------------------------------------------------

# The client and the server are compiled side by side, so that neither waits while the other has work for one
# processor only. Then the executable is made of both.
.PHONY: build
build: prerequisites
	@$(MAKE) --no-print-directory -j$(JOBS) site server
	@SIGNALBOX_SITE='$(CURDIR)/$(SITE)' SIGNALBOX_SITE_VERSION="$$(cksum < $(SITE)/site.json)" \
	  cargo build $(QUIET) --release --features ssr --bin signalbox
	@if [ '$(TARGET_DIR)' != '$(CURDIR)/target' ]; then \
	  mkdir -p target/release; \
	  cmp -s '$(TARGET_DIR)/release/signalbox' $(BINARY) \
	    || { cp '$(TARGET_DIR)/release/signalbox' $(BINARY).new && mv -f $(BINARY).new $(BINARY); }; \
	fi

.PHONY: client site server
client: $(CLIENT)/.bound
site: $(SITE)/site.json

server: | prerequisites
	$(SAY) 'Building the server$(if $(wildcard $(BINARY)),, (about 10 minutes the first time))'
	+@cargo build $(QUIET) --release --features ssr --lib

# Cargo knows best whether the client is current, so it is always asked. It leaves the file alone
# when nothing changed, and then nothing below is made again.
$(WASM): FORCE | wasm-target
	$(SAY) 'Building the client$(if $(wildcard $(WASM)),, (about 5 minutes the first time))'
	+@cargo rustc $(QUIET) --lib --crate-type cdylib --features hydrate --target $(WASM_TARGET) --profile wasm-release \
	  -- -C link-args=--emit-relocs

# The compiler, for the worker beside the builder: the library alone, without pages.
$(WORKBENCH): FORCE | wasm-target
	+@cargo build $(QUIET) --lib --features workbench --target $(WASM_TARGET) --profile wasm-workbench

# Who made a part and for which machine is of no use to a browser: it is in each of them.
SHRUNK := --strip-producers --strip-target-features

# First without what is never called, then divided, then bound: what binds it looks at what every page needs only.
$(CLIENT)/.bound: $(WASM) $(WORKBENCH) scripts/unused.mjs Cargo.lock Makefile node_modules/.installed | wasm-bindgen wasm-split
	$(SAY) 'Dividing and shrinking the client'
	@rm -rf $(CLIENT) && mkdir -p $(CLIENT)
	@node scripts/unused.mjs $(WASM) $(CLIENT)/linked.wasm
	@wasm-split-cli $(CLIENT)/linked.wasm $(CLIENT) --out-name signalbox
	@rm $(CLIENT)/linked.wasm
	@wasm-bindgen --target web --no-typescript --keep-lld-exports --out-dir $(CLIENT) --out-name signalbox $(CLIENT)/signalbox.wasm
	@rm $(CLIENT)/signalbox.wasm
	@wasm-bindgen --target web --no-typescript --out-dir $(CLIENT) --out-name workbench $(WORKBENCH)
	@for part in $(CLIENT)/signalbox_bg.wasm $(CLIENT)/split_*.wasm $(CLIENT)/chunk_*.wasm; do \
	  wasm-opt -Oz $(SHRUNK) $$part -o $$part 2> >(grep -v 'unknown name subsection' >&2); \
	done
	@wasm-opt -Os $(SHRUNK) $(CLIENT)/workbench_bg.wasm -o $(CLIENT)/workbench_bg.wasm
	@touch $@

$(SITE)/site.json: $(CLIENT)/.bound scripts/site.mjs src/workbench/worker.js $(SITE_SOURCES)
	$(SAY) 'Bundling the styles and compressing the client'
	@node scripts/site.mjs $(CLIENT) $(SITE)

.PHONY: FORCE
FORCE:

# ---- Checking ------------------------------------------------------------------------------------

# The stages run one after the other: each alone uses all processors. The browser tests come last,
# because they are the ones that need the release build.
.PHONY: test
test:
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test-rust
	@$(MAKE) --no-print-directory sim
	@$(MAKE) --no-print-directory test-parity
	@$(MAKE) --no-print-directory test-browser

.PHONY: format
format:
	@cargo fmt --all

# The two features exclude each other, so each is checked alone, and the library without any. The client is looked at as
# it is shipped: only then is it in parts.
.PHONY: lint
lint: wasm-target
	$(SAY) 'Checking the formatting'
	@cargo fmt --all --check
	$(SAY) 'Linting the library without features'
	@cargo clippy $(QUIET) --lib -- -D warnings
	$(SAY) 'Linting the server and its tests'
	@cargo clippy $(QUIET) --features ssr --all-targets -- -D warnings
	$(SAY) 'Linting the measuring'
	@cargo clippy $(QUIET) -p signalbox-bench --all-targets -- -D warnings
	$(SAY) 'Linting the client'
	@cargo clippy $(QUIET) --lib --features hydrate --target $(WASM_TARGET) --profile wasm-release -- -D warnings
	@cargo clippy $(QUIET) --lib --features workbench --target $(WASM_TARGET) -- -D warnings
	$(SAY) 'Checking the documentation'
	@RUSTDOCFLAGS='-D warnings' cargo doc $(QUIET) --no-deps --features ssr --document-private-items

.PHONY: test-rust
test-rust: prerequisites
	@scripts/postgres.sh --install
	$(SAY) 'Testing the crate'
	@cargo test --features ssr
	@cargo test $(QUIET) -p signalbox-bench

# `SIM_SEED=… make sim` replays one seed. `cargo test` alone runs a few hundred.
SIM_SEEDS ?= 10000
SIM_FROM ?= 0

.PHONY: sim
sim: prerequisites
	$(SAY) 'Simulating $(if $(SIM_SEED),seed $(SIM_SEED),$(SIM_SEEDS) lives)'
	@SIM_SEEDS='$(SIM_SEEDS)' SIM_FROM='$(SIM_FROM)' \
	  cargo test $(QUIET) --features ssr --lib every_seed_keeps_every_promise -- --nocapture

# Takes about six minutes. `ONLY=W1,W3` measures some of it, `RECORD=1` writes the figures into the docs.
.PHONY: bench
bench: build
	@cargo build $(QUIET) --release -p signalbox-bench
	@'$(TARGET_DIR)/release/signalbox-bench' $(BINARY) $(if $(ONLY),--only $(ONLY)) $(if $(RECORD),--record docs/benchmarks.md)

# The pages in real Chromium, such as a run of 10,000 steps as it is watched. Takes about five minutes.
.PHONY: bench-pages
bench-pages: build end2end/node_modules/.installed
	$(SAY) 'Watching in Chromium'
	@cd end2end && SIGNALBOX_BINARY='$(CURDIR)/$(BINARY)' CHROMIUM="$$(../scripts/chromium.sh)" node_modules/.bin/playwright test --config performance.config.ts

# `CRASH_SEED=… make crash` throws the same dice. `cargo test` alone kills ten times, and is more patient.
CRASH_CYCLES ?= 100
CRASH_READY_MS ?= 3000

.PHONY: crash
crash: prerequisites
	$(SAY) 'Killing the server $(CRASH_CYCLES) times'
	@CRASH_CYCLES='$(CRASH_CYCLES)' CRASH_READY_MS='$(CRASH_READY_MS)' CRASH_SEED='$(CRASH_SEED)' \
	  cargo test $(QUIET) --features ssr --test integration cycles:: -- --nocapture --test-threads=1

# `cargo test` alone compares the engine with the server; this also asks the workbench that the browser gets.
.PHONY: test-parity
test-parity: client
	$(SAY) 'Comparing what the browser refuses with what the server refuses'
	@SIGNALBOX_WORKBENCH='$(CURDIR)/$(CLIENT)' cargo test $(QUIET) --features ssr --test integration parity::

.PHONY: test-browser
test-browser: build end2end/node_modules/.installed
	@scripts/chromium.sh --install
	$(SAY) 'Testing in the browser'
	@cd end2end && SIGNALBOX_BINARY='$(CURDIR)/$(BINARY)' CHROMIUM="$$(../scripts/chromium.sh)" node_modules/.bin/playwright test

end2end/node_modules/.installed: end2end/package.json end2end/package-lock.json | prerequisites
	$(SAY) 'Installing the tools of the browser tests'
	@cd end2end && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent --no-audit --no-fund
	@touch $@

.PHONY: clean
clean:
	@cargo clean $(QUIET)
	@rm -rf target node_modules end2end/node_modules
