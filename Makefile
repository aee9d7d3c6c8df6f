# Slipway. Two commands do all the set-up: `make demo` and `make test`. Both install what else they need (git and chromium by
# Debian's package manager, the sandbox cluster by Go's, GitHub's API document by npm) and say so.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
CONTROLLER_GEN := sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# soak runs kill, fault and fuzz laws at their full count; test at a tenth.
SOAK        ?= 10
FUZZTIME    ?= 30s
# how often bench renders a source each way, beside the command lines.
ROUNDS      ?= 12

.PHONY: demo test soak build lint bench generate tools sandbox help

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: tools build sandbox ## a cluster, a forge and Slipway on this machine; DEMO=auto runs through unattended
	$(GO) run ./fixtures/demo $(if $(filter auto,$(DEMO)),--auto)

build: ## the slipway binary, in bin/
	$(GO) build -ldflags '-s -w -X main.version=$(VERSION)' -o bin/slipway ./cmd/slipway

sandbox: ## build the sandbox cluster (some minutes the first time)
	@$(GO) run ./fixtures/sandbox/build

test: tools build sandbox lint ## everything, end to end included
	SLIPWAY_SOAK=$(SOAK) $(GO) test -timeout 40m ./...
	cd fixtures/cluster && $(GO) test -timeout 20m ./...

soak: tools build sandbox ## every kill, fault and fuzz law in full, with the race detector
	SLIPWAY_SOAK=100 $(GO) test -race -timeout 120m ./...
	./fixtures/tools/fuzz.sh $(FUZZTIME)

lint: ## vet, gofmt, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'gofmt would change:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

bench: build ## what users wait for, beside what they would run instead
	{ $(GO) test -run '^$$' -bench . -benchmem ./engine/... ./bot/... ./fixtures/cases ./fixtures/scale; \
	  $(GO) test -run '^$$' -bench . -benchtime 3x -timeout 60m ./fixtures/load; \
	  $(GO) test -run '^$$' -bench . -benchtime $(ROUNDS)x -timeout 60m ./fixtures/exact; } | $(GO) run ./fixtures/budgets

generate: ## deepcopy functions and CustomResourceDefinitions, from the Go types
	$(GO) generate ./engine/api/... ./deploy/...

tools: ## install what the tests need and the machine lacks
	@./fixtures/tools/install.sh
