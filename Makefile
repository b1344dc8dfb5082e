# `make` alone lists what there is. Needs Rust, a C compiler, git and curl; tools/ fetches the rest.

BIN := $(or $(CARGO_TARGET_DIR),target)/debug
STEP := tools/step

.DEFAULT_GOAL := help
.PHONY: help demo sandbox test check fmt advisories binaries

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target what; do printf '  make %-12s %s\n' "$$target" "$$what"; done

demo: binaries ## watch Slipway take a change from plan to production, in a world on this machine
	terraform=$$(tools/terraform) && KUBECTL=$$(tools/kubectl) && export KUBECTL && exec $(BIN)/examples/demo story --bot $(BIN)/slipway --terraform "$$terraform"

sandbox: binaries ## keep that world running, to try Slipway by hand (Ctrl-C ends it)
	terraform=$$(tools/terraform) && KUBECTL=$$(tools/kubectl) && export KUBECTL && exec $(BIN)/examples/demo sandbox --bot $(BIN)/slipway --terraform "$$terraform"

test: ## run all tests
	@tools/test

# From the quick to the slow. Clippy and the documentation share one compilation, the tests another.
check: ## all that a change must pass: format, lints, documentation, dependencies, tests
	@$(STEP) 'Rust format' cargo fmt --all --check
	@$(STEP) 'Shell scripts' tools/lint-shell
	@$(STEP) 'Terraform format' tools/lint-files terraform
	@$(STEP) 'Terraform schema and tests' tools/terraform-schema
	@$(STEP) 'Plans of the tests' tools/plan-fixtures --check
	@$(STEP) 'Workflows' tools/lint-files workflows
	@$(STEP) 'Dockerfiles' tools/lint-files dockerfiles
	@$(STEP) 'Checkov' tools/lint-files checkov
	@$(STEP) 'The core does no I/O' tools/core-purity
	@$(STEP) 'Dependencies' tools/audit
	@$(STEP) 'Clippy' cargo clippy --workspace --all-targets --locked -- -D warnings
	@RUSTDOCFLAGS='-D warnings' $(STEP) 'Documentation' cargo doc --workspace --no-deps --locked
	@$(STEP) 'Tests' $(MAKE) --no-print-directory test
	@$(STEP) 'Image of the shop' tools/image

fmt: ## put the code into its format
	cargo fmt --all

advisories: ## look for known vulnerabilities in the dependencies (needs GitHub)
	@tools/audit advisories

binaries:
	cargo build --locked --package slipway --bins --example demo
