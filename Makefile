# The doors by name; each is a script.   make help
.PHONY: help setup build test quickstart quickstart-model bench bench-trl bench-logprobs bench-model bench-reward bench-server bench-front bench-objectives fuzz figures
.PHONY: deb test-deb screenshots docker test-compose test-kubernetes install dist generated build-cuda lint format asan tsan clean

help:              ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 28

setup:             ## packages, Rust and LibTorch: what the build needs
	@scripts/setup

build:             ## programs and tests into build/bin
	@scripts/build

test:              ## everything the tests need, then all tests
	@scripts/test

quickstart:        ## everything from a bare machine to a trained small model
	@scripts/quickstart

quickstart-model:  ## make the quick start's base checkpoint again, by supervised fine-tuning
	@scripts/build maspo
	@examples/quickstart/make_model.sh

bench:             ## time the parts of a training step
	@scripts/bench

bench-trl:         ## time a training step against TRL's GRPO trainer
	@scripts/build maspo maspo-learner maspo-rollout-worker maspo-reward-server
	@tests/benchmarks/trl/bench.sh

bench-logprobs:    ## time and memory of log-probabilities against plain PyTorch expressions
	@scripts/build logprobs_bench
	@scripts/python-env .venv-test tests/requirements.txt
	@tests/benchmarks/logprobs/bench.sh

bench-model:       ## rollout and update against transformers and a plain PyTorch update
	@scripts/build model_bench
	@scripts/python-env .venv-test tests/requirements.txt
	@tests/benchmarks/model/bench.sh

bench-reward:      ## answers a second against Math-Verify, on one core
	@scripts/build bench_verifier
	@tests/benchmarks/reward/bench.sh

bench-server:      ## requests a second of a reward server over gRPC, with and without its cache
	@scripts/build bench_server maspo-reward-server
	@tests/benchmarks/reward/bench_server.sh

fuzz:              ## the reward server's extraction, parser, comparison and prime_math, 60 seconds each
	@scripts/fuzz

bench-front:       ## what the learner costs while 250 workers wait, and while they hand in groups; needs no model
	@scripts/build front_bench
	@build/bin/front_bench

bench-objectives:  ## train the quick start with several objectives and seeds, and compare (hours)
	@scripts/build maspo maspo-learner maspo-rollout-worker maspo-reward-server
	@tests/benchmarks/objectives/bench.sh

figures:           ## draw docs/figures anew, from the objectives' own code
	@scripts/figures

docker:            ## one image a role: maspo-learner, maspo-rollout-worker, maspo-reward-server, maspo-quickstart-data
	@scripts/docker

test-compose:      ## the images and compose.yaml: up, training, crashes, down
	@python3 -B tests/deploy/compose_test.py

test-kubernetes:   ## the Kubernetes manifests against schemas and policies; needs no build
	@scripts/test-kubernetes

install:           ## programs with their libraries into PREFIX, /usr/local if unset
	@scripts/install "$(or $(PREFIX),/usr/local)"

dist:              ## the same as dist/maspo-VERSION.tar.gz
	@scripts/dist

deb:               ## the same as a Debian package, dist/maspo_VERSION_ARCHITECTURE.deb
	@scripts/deb

test-deb:          ## that package in a bare Debian container: install, quick start, remove; needs docker
	@tests/deploy/deb_test.sh

screenshots:       ## docs/figures/report-*.png of a quick-start run, by Chromium
	@scripts/screenshots

generated:         ## write again what is made from something else: dashboards, Kubernetes' copy of the alerts, docs/configuration.md
	@python3 -B deploy/grafana/make_dashboards.py
	@python3 -B deploy/kubernetes/make_rules.py
	@python3 -B scripts/config_reference.py

build-cuda:        ## the CUDA backend, build/lib/libmaspo_cuda.so; needs no GPU
	@scripts/build-cuda

lint:              ## clang-format, Clang's warnings and clang-tidy; FILES="a.cc b.cc" for some
	@scripts/lint $(FILES)

format:            ## clang-format in place
	@scripts/format

asan:              ## the tests under address and undefined-behaviour sanitizers
	@scripts/sanitize asan

tsan:              ## the same under the thread sanitizer
	@scripts/sanitize tsan

clean:             ## remove what was built; third_party/ and runs/ stay
	@rm -rf build build-asan build-tsan build-dev build-lint build-fuzz
