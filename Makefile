# Every target stands alone; `make` lists them.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# The Kubernetes minor version the integration tests run on: 1.36 or 1.34.
KUBE ?= 1.36
# The oldest one supported: what users write and what kubectl shows is tested there too.
OLDEST_KUBE := 1.34
OLDEST_TESTS := crds:: apply::
# Why there is no second run on the oldest version; empty where there is one.
ONE_KUBE := $(if $(KUBEBUILDER_ASSETS),KUBEBUILDER_ASSETS names the programs of every run,$(if $(filter $(OLDEST_KUBE),$(KUBE)),all tests ran on it))
# Counts writes that depend on how soon routers answer, so nothing else may load the machine meanwhile.
ALONE := quiet::
CARGO ?= cargo
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.1
FUZZ_SECONDS ?= 60
TARGETS ?= sip stream plan number yaml record packed prices
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/fourhundred
CARGO_DENY := $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

.PHONY: help
help: ## List the targets
	@echo "usage: make TARGET [KUBE=1.36|1.34]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: test
test: ## Everything CI runs: lint, unit and integration tests, deny (the first run builds API servers: minutes)
	@echo "==> 1/5 format and clippy"
	@$(MAKE) --no-print-directory lint
	@echo "==> 2/5 unit tests and the documentation's examples"
	@$(MAKE) --no-print-directory unit
	@echo "==> 3/5 what the integration tests need: API servers of Kubernetes $(KUBE)$(if $(ONE_KUBE),, and $(OLDEST_KUBE)), etcd, kubectl, SIPp"
	@tools/sipp >/dev/null
	@tools/control-plane assets $(KUBE)
	@$(if $(ONE_KUBE),,tools/control-plane assets $(OLDEST_KUBE))
	@echo "==> 4/5 integration tests"
	@$(MAKE) --no-print-directory integration
	@$(if $(ONE_KUBE),echo "    not run on Kubernetes $(OLDEST_KUBE) as well: $(ONE_KUBE)",$(MAKE) --no-print-directory integration KUBE=$(OLDEST_KUBE) TESTS="$(OLDEST_TESTS)")
	@echo "==> 5/5 licences, duplicates and sources of dependencies"
	@$(MAKE) --no-print-directory deny

.PHONY: lint
lint: ## rustfmt and clippy, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- --deny warnings

.PHONY: unit
unit: ## Tests that need nothing but the compiler
	$(CARGO) test --locked --no-fail-fast --lib --bins --test allocations
	$(CARGO) test --locked --no-fail-fast --doc

.PHONY: integration
integration: ## Only the integration tests; TESTS="crds:: apply::" runs those with one of these in their name
	@tools/sipp >/dev/null
	@assets=$$(tools/control-plane assets $(KUBE)); \
	export KUBEBUILDER_ASSETS=$$assets; \
	$(if $(TESTS),for part in $(TESTS); do $(CARGO) test --locked --no-fail-fast --test it -- $$part; done,\
	    $(CARGO) test --locked --no-fail-fast --test it -- --skip $(ALONE) && \
	    $(CARGO) test --locked --no-fail-fast --test it -- $(ALONE))

.PHONY: bench-edit
bench-edit: ## Milliseconds from an edit to the plan, the router's answer and Programmed (release build)
	@$(MAKE) --no-print-directory measure BENCH=bench::edit

.PHONY: bench-embedded
bench-embedded: ## Calls and records a second through one operator with embedded workers (release build)
	@$(MAKE) --no-print-directory measure BENCH=bench::embedded

.PHONY: bench-router
bench-router: ## SIP redirects beside Kamailio's, decisions and plans by themselves; ROWS="ours kamailio" picks (release build)
	@tools/kamailio >/dev/null
	@command -v taskset >/dev/null || { echo "taskset (util-linux) is needed: each server is measured on one core" >&2; exit 1; }
	@$(CARGO) bench --locked --bench router -- $(ROWS)

.PHONY: bench-billing
bench-billing: ## What rating a call costs, and call records a second through HTTP into SQLite beside bare writes; ROWS="rate single" picks (release build)
	@$(CARGO) bench --locked --bench billing -- $(ROWS)

.PHONY: fuzz
fuzz: ## Throw bytes at what reads input from outside, FUZZ_SECONDS=60 for each of TARGETS (nightly Rust, cargo-fuzz; the first build takes ten minutes)
	@command -v cargo-fuzz >/dev/null || { echo "installing cargo-fuzz: about 40 s"; $(CARGO) install --quiet cargo-fuzz --locked --version $(CARGO_FUZZ_VERSION); }
	@for target in $(TARGETS); do echo "==> $$target, $(FUZZ_SECONDS) s"; \
	    $(CARGO) +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=70000 -print_final_stats=1 -verbosity=0; done

.PHONY: crash
crash: ## Kill the biller at CRASH_MOMENTS=500 random moments (CRASH_SEED=400) and compare the ledger: about ten minutes
	@$(MAKE) --no-print-directory measure BENCH=bench::crash

# Alone on the machine, one after the other.
.PHONY: measure
measure:
	@tools/sipp >/dev/null
	@assets=$$(tools/control-plane assets $(KUBE)); \
	KUBEBUILDER_ASSETS=$$assets $(CARGO) test --locked --release --test it -- --bench --test-threads 1 $(BENCH)

# A cluster that `make demo` did not start is only touched when it is named on make's own command line.
DEMO_CLUSTER := $(if $(filter command line,$(origin KUBECONFIG)),$(if $(KUBECONFIG),--kubeconfig '$(KUBECONFIG)'))
DEMO_ONCE := $(if $(filter-out 0,$(ONCE)),--once)

.PHONY: demo
demo: ## Everything on this machine: a cluster, the operator, calls and their cost; ONCE=1 ends after the tables, KUBECONFIG=FILE uses another cluster
	@echo "==> 1/3 a Kubernetes $(KUBE) API server, etcd and kubectl (built once: 4-7 minutes; then at once)"
	@$(if $(DEMO_CLUSTER),echo "    not needed: $(KUBECONFIG) is used",tools/control-plane assets $(KUBE) >/dev/null)
	@echo "==> 2/3 SIPp, which places the calls"
	@tools/sipp >/dev/null || echo "    going on without it: the built-in sender places the calls"
	@echo "==> 3/3 fourhundred (the first build: 3-6 minutes; then seconds)"
	@$(CARGO) build --locked
	@$(if $(DEMO_CLUSTER),,KUBEBUILDER_ASSETS=$$(tools/control-plane assets $(KUBE))) exec $(CARGO) run --locked --quiet -- dev $(DEMO_CLUSTER) $(DEMO_ONCE)

.PHONY: assets
assets: ## Build kube-apiserver, etcd and kubectl into the user's cache and print their folder
	@tools/control-plane assets $(KUBE)

.PHONY: crds
crds: ## Write the custom resource definitions again from src/api
	$(CARGO) run --locked --quiet -- crds --output-dir crds

.PHONY: deny
deny: $(CARGO_DENY) ## Licences, duplicate crates and sources, by deny.toml (installs a pinned cargo-deny once)
	$(CARGO_DENY) --locked check --hide-inclusion-graph bans licenses sources

.PHONY: audit
audit: $(CARGO_DENY) ## Known vulnerabilities in dependencies; fetches the RustSec database, so it needs the network
	$(CARGO_DENY) --locked check advisories

$(CARGO_DENY):
	@echo "installing cargo-deny $(CARGO_DENY_VERSION) into $(CACHE): about 2–4 minutes, once" >&2
	$(CARGO) install --locked cargo-deny --version $(CARGO_DENY_VERSION) --root $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)
