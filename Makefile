GO      ?= go
BIN     := .bin
FUZZ    ?= 20000x
FAULTS  ?= 100
PORT    ?= 8400
PAGES   ?= 20000
LENGTH  ?= 60s
STATICCHECK := v0.8.2

.DEFAULT_GOAL := help
.PHONY: help run wasm build test bench faults fuzz tools check clean screenshots herd load capacity

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

wasm: ## Build the agent and the loader into wasm/dist (skipped when nothing changed)
	@$(GO) run ./wasm/dist/make

build: wasm ## Build the curfew command into .bin
	$(GO) build -trimpath -o $(BIN)/curfew ./verifier/cmd/curfew

run: wasm ## Start the demo and print its address and accounts (PORT=8400)
	@$(GO) build -o $(BIN)/demo ./examples/demo
	@exec $(BIN)/demo -port $(PORT)

check: wasm ## gofmt, vet and staticcheck
	@files=$$(gofmt -l .); test -z "$$files" || { echo "gofmt would change: $$files"; exit 1; }
	$(GO) vet ./...
	GOOS=js GOARCH=wasm $(GO) vet ./wasm ./agent/...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK) ./...

tools: ## Install what the tests need (apt, as root on Debian or Ubuntu), or name it
	@sh .ci/tools

test: tools wasm check ## All tests, with the race detector, and a short run of every fuzz target
	$(GO) test -race -timeout 40m ./wasm/... ./... # the longest first: while they run, all others do
	@FUZZ=$(FUZZ) GO="$(GO)" sh .ci/fuzz

fuzz: wasm ## Every fuzz target, FUZZ each: a time or a count (FUZZ=5m)
	@FUZZ=$(FUZZ) GO="$(GO)" sh .ci/fuzz

bench: wasm ## Print the figures beside what they are compared with (about three minutes)
	@$(GO) test -run '^$$' -bench Figure -benchtime 1x ./wasm/loader ./verifier/server ./verifier/store/redis

load: wasm ## Signed heartbeats against one verifier, Redis and three: closed loop, and an open one of LENGTH=60s with latencies
	@$(GO) test -run '^$$' -bench FigureLoad -benchtime 1x -timeout 30m ./verifier/server -load.sessions 4000 -load.length $(LENGTH)

capacity: ## The capacity plan of verifier/capacity/CAPACITY.md, from measured costs
	@$(GO) run ./verifier/capacity

herd: ## Show when a million pages arrive after an outage, a deploy, nine o'clock, ... (PAGES=20000 are simulated)
	@$(GO) run ./wasm/sim/herd -pages $(PAGES)

faults: wasm ## Kill the verifier FAULTS times under load, and meet it with other faults; print what was lost (FAULTS=100)
	@cd verifier/cmd/curfew && CURFEW_FAULTS=$(FAULTS) $(GO) test -count 1 -timeout 60m -run TestP1P4P7_Faults

screenshots: wasm ## Take the pictures of the dialog, the console and the demo anew
	CURFEW_SCREENSHOTS=$(CURDIR)/verifier/console/screenshots $(GO) test -count 1 -run TestC3_MainPages ./verifier/console
	CURFEW_SCREENSHOTS=$(CURDIR)/verifier/storybook/screenshots $(GO) test -count 1 -run TestMainStates ./verifier/storybook
	CURFEW_SCREENSHOTS=$(CURDIR)/examples/demo/screenshots $(GO) test -count 1 ./examples/demo

clean: ## Remove what was built
	rm -rf $(BIN) wasm/dist/build/*
