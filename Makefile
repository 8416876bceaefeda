GO      ?= go
BIN     := .bin
FUZZ    ?= 20s
PORT    ?= 8400

.DEFAULT_GOAL := help
.PHONY: help run wasm build test bench fuzz tools check clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

wasm: ## Build the agent and the loader into wasm/dist (skipped when nothing changed)
	@$(GO) run ./wasm/dist/make

build: wasm ## Build the curfew command into .bin
	$(GO) build -trimpath -o $(BIN)/curfew ./verifier/cmd/curfew

run: wasm ## Start the demo and print its address and accounts (PORT=8400)
	@$(GO) build -o $(BIN)/demo ./examples/demo
	@exec $(BIN)/demo -port $(PORT)
