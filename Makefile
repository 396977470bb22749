# Everything runs in .venv, which is made from constraints.txt when first needed.
# Needed beforehand: Python 3.11 to 3.14 with venv, and a package index.

PYTHON ?= python3
ARGS ?=

# A PYTHON that was asked for is used or refused; the default may be replaced.
ifeq ($(origin PYTHON),file)
CANDIDATES = $(PYTHON) python3.13 python3.12 python3.11 python3.14
else
CANDIDATES = $(PYTHON)
endif

RUN = .venv/bin/python -m
# A file's tests share what they compile, so one process runs them all.
PYTEST = JAX_PLATFORMS=cpu $(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder
# Kernels of OpenBLAS, each with an instruction set of XLA. AVX2 multiplies and adds in
# one rounding, so there it compiles as users do. The processor's own kernel, SkylakeX
# where it has AVX-512, with AVX is what all other tests have.
KERNELS = Haswell:SSE4_2 Prescott:AVX2

# Keep other projects' packages out, for example those of ROS.
unexport PYTHONPATH PYTHONHOME
# Do not ask the network whether there is a newer pyright.
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

.PHONY: help demo test quick-tests test-all test-slow test-kernels notebooks docs \
    bench bench-peers lint format pins clean new-venv
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s%s\n", $$1, $$2}' Makefile
	@echo 'Options: PYTHON=python3.12 makes .venv with that Python;'
	@echo '         ARGS="..." is handed on by demo, test, notebooks, bench and bench-peers.'

demo: .venv/.installed ## run the demo
	.venv/bin/hybridctl demo $(ARGS)

test: .venv/.installed ## lint and run the tests (ARGS="-k lqr" for some of them)
	@$(MAKE) --no-print-directory -j 2 lint quick-tests

quick-tests: .venv/.installed
	$(PYTEST) -m "not slow and not long" $(ARGS)

test-all: lint ## lint, then run the tests, the sweeps and what takes hours
	$(PYTEST) $(ARGS)

test-slow: .venv/.installed ## run the sweeps only
	$(PYTEST) -m slow $(ARGS)

test-kernels: .venv/.installed ## run numeric tests as other processors would
	@for kernel in $(KERNELS); do \
	    blas=$${kernel%:*}; isa=$${kernel#*:}; \
	    echo "OpenBLAS: $$blas, XLA: $$isa"; \
	    flags=--xla_cpu_max_isa=$$isa; \
	    [ $$isa != AVX2 ] || flags="$$flags --xla_backend_optimization_level=3"; \
	    OPENBLAS_CORETYPE=$$blas XLA_FLAGS="$$flags" \
	        $(PYTEST) -m "numeric and not slow and not long" $(ARGS) || exit 1; \
	done

notebooks: .venv/.installed ## run the notebooks (ARGS=--write keeps what they show)
	JAX_PLATFORMS=cpu .venv/bin/python notebooks/run.py $(ARGS)

docs: .venv/.installed ## build the documentation into site/
	JAX_PLATFORMS=cpu NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict --quiet

bench: .venv/.installed ## measure the speed of the closed loop
	$(RUN) benchmarks.questions.speed $(ARGS)

PEERS = .venv-peers/.installed .venv-speed/.installed
bench-peers: .venv/.installed $(PEERS) ## learn and step beside other libraries
	$(RUN) benchmarks.questions.learn $(ARGS)
	$(RUN) benchmarks.questions.peers

lint: .venv/.installed ## check style, format and types
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	$(RUN) pyright --pythonpath .venv/bin/python

format: .venv/.installed ## format the code and repair what ruff can repair
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

pins: ## write constraints.txt anew (needs uv)
	uv pip compile pyproject.toml --universal --upgrade --extra dev \
	    --no-header --no-annotate --quiet -o constraints.txt

clean: ## remove .venv, caches and what the demo wrote; runs/ stays
	rm -rf .venv .venv-peers .venv-speed .pytest_cache .ruff_cache .hypothesis
	rm -rf build dist demo site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------- the environment

# The stamp is written last and names the folder. So an install that was interrupted,
# a .venv that was moved, one whose Python is gone and one made with another PYTHON
# than the one asked for are made anew; newer pins are installed over older ones.
ABOUT = -c 'import sys; print(sys.base_prefix, sys.version)'
USABLE := $(shell [ "`cat .venv/.installed 2>&1`" = "`pwd -P`" ] && \
    .venv/bin/python $(ABOUT) 2>/dev/null)
ifeq ($(origin PYTHON),command line)
ifneq ($(USABLE),$(shell $(PYTHON) $(ABOUT) 2>/dev/null))
USABLE :=
endif
endif
ifeq ($(USABLE),)
.venv/.installed: new-venv
endif

.venv/.installed: pyproject.toml constraints.txt
	@rm -f $@
	@echo 'Installing the pinned packages into .venv (about 320 MB, a minute or two) ...'
	@$(RUN) pip install -qq --disable-pip-version-check --no-input \
	    -c constraints.txt -e '.[dev]'
	@pwd -P > $@

# What hybridctl is measured beside has packages of its own, on the same Python.
.venv-peers/.installed: benchmarks/peers/requirements.txt benchmarks/peers/rltools.txt \
    | .venv/.installed
	@echo 'Installing stable-baselines3, torch, RLtools in .venv-peers (5 GB on Linux) ...'
	@.venv/bin/python -m venv --clear .venv-peers
	@.venv-peers/bin/python -m pip install -qq --disable-pip-version-check --no-input \
	    -r benchmarks/peers/requirements.txt
	@.venv-peers/bin/python -m pip install -qq --disable-pip-version-check --no-input \
	    -r benchmarks/peers/rltools.txt || echo 'Without RLtools, which pip did not get.'
	@touch $@

.venv-speed/.installed: benchmarks/peers/speed.txt | .venv/.installed
	@echo 'Installing gymnax, jaxonomy and playground into .venv-speed (2 GB) ...'
	@.venv/bin/python -m venv --clear .venv-speed
	@.venv-speed/bin/python -m pip install -qq --disable-pip-version-check --no-input \
	    -r benchmarks/peers/speed.txt
	@touch $@

define PROBE
import sys
name = "Python %d.%d.%d" % sys.version_info[:3]
if (3, 11) <= sys.version_info < (3, 15):
    try:
        import ensurepip, venv
        print("fits")
    except ImportError:
        print("is " + name + " without the venv module (on Debian and Ubuntu:"
              " apt-get install python%d.%d-venv)" % sys.version_info[:2])
else:
    print("is " + name)
endef
export PROBE

new-venv:
	@found=; reason=; \
	for python in $(CANDIDATES); do \
	    if command -v "$$python" >/dev/null 2>&1; then \
	        word=`"$$python" -c "$$PROBE" 2>/dev/null` || word='does not run'; \
	    else word='was not found'; fi; \
	    if [ "$$word" = fits ]; then found=$$python; break; fi; \
	    reason=$${reason:-"$$python $$word"}; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "hybridctl needs Python 3.11 to 3.14 with venv, but $$reason." \
	        "Install one, or name one that you have:" \
	        "make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12" >&2; \
	    exit 1; \
	fi; \
	echo "Making .venv with $$found"; \
	"$$found" -m venv --clear .venv
