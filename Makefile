PYTHON := .venv/bin/python
export OMP_NUM_THREADS := 1
.PHONY: book html refresh test test-all lint nightly dev peers lab gpu smollm2 clean moved
# A warning is an error; the pages stand all the same, and `make book`, which builds them too, serves them.
# Scripts of an environment name the folder that it was made in, so modules are called.
book: .venv/installed ; @$(PYTHON) -m book.build.html --serve
html: .venv/installed ; @$(PYTHON) -m book.build.html
# Executes the notebooks whose code has changed and stores them with their results; writes into the pages what is made
# from the code and the records.
refresh: .venv/installed-dev
	@$(PYTHON) -m book.build.refresh
	@$(PYTHON) -m book.build.write
# The house's rings: `test` is the gate, `test-all` everything that runs by day, each in one process of pytest.
PYTEST := $(PYTHON) -m pytest -n auto --maxprocesses 4 --dist worksteal
PROOF := tests/laws.py tests/test_lines.py tests/test_vectors.py tests/edges
BY_DAY := -m "not nightly"
# What checks other people's runs and libraries: a copy may lack the folder.
ANNEX := $(wildcard trcheck/tests)
# The chapters that `make test` runs: the first that a reader runs, and the longest one, which has exercises.
CHAPTERS := $(foreach n,00 05_grpo,$(wildcard notebooks/$(n)*.ipynb))
test: .venv/installed-dev
	@$(PYTEST) -m "not nightly and not test_all" --chromium optional --nbmake $(CHAPTERS) $(PROOF) tests/core tests/gallery tests/book tests/lab $(ANNEX); status=$$?; \
	echo 'make test did not run: runs of related methods and their pages, the bridges, the instruments inside TRL and verl and their longer questions, the other notebooks and most solutions, most pages that numbers stand in, compiled losses, second variants of long runs, explorables by hand (`make test-all`);'; \
	echo 'lint and types (`make lint`); what takes an hour (`make nightly`).'; exit $$status
test-all: .venv/installed-peers ; @$(PYTEST) $(BY_DAY) --nbmake notebooks tests $(ANNEX)
lint: .venv/installed-dev
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m ruff check
	@$(PYTHON) -c 'import sys; from importlinter.cli import lint_imports_command as main; sys.exit(main())'
	@$(PYTHON) -m mypy
	@$(PYTHON) -m tools.size
	@if ! command -v npm > /dev/null; then echo 'lint: no Node here, so JavaScript is left out (eslint, prettier, tsc)'; else \
	cd book/trbook/explorables/js && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent; } \
	  && npm run --silent lint && npm run --silent types; fi
# What takes long, and every number once more with the least that torch, MKL, oneDNN, numpy and OpenBLAS can be held to,
# which round as another processor does. Hypothesis draws at random here, and always the same by day.
LEAST := ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE MKL_ENABLE_INSTRUCTIONS=SSE4_2 ONEDNN_MAX_CPU_ISA=SSE41 \
	NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4" OPENBLAS_CORETYPE=Nehalem
NUMBERS := $(PROOF) tests/core tests/gallery tests/instruments tests/lab $(ANNEX) $(wildcard tests/book/test_*.py) \
	$(addprefix tests/book/,explorables exercises pages scale build/test_quoted.py build/test_records.py build/test_write.py)
nightly: .venv/installed-peers
	@$(PYTEST) --hypothesis-profile=default -m nightly --book all -o faulthandler_timeout=7200
	@$(LEAST) $(PYTEST) --hypothesis-profile=default $(BY_DAY) $(NUMBERS)
# As root, as in a container, JupyterLab starts only if told to. LAB_FLAGS are its own: make lab LAB_FLAGS="--no-browser".
lab: .venv/installed
	@if [ "$$(id -u)" = 0 ]; then echo 'lab: you are root, so with --allow-root'; root=--allow-root; fi; \
	$(PYTHON) -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks \
	  --ContentsManager.pre_save_hook=book.build.lab.saved \
	  $$root $(LAB_FLAGS)
# With TRLIB_DOWNLOAD=1 also the runs of a larger model that a log is drawn over; what is recorded is not run again.
gpu: .venv/installed$(if $(TRLIB_DOWNLOAD),-peers)
	@$(PYTHON) -m book.build.gpu$(if $(TRLIB_DOWNLOAD), && $(PYTHON) -m trcheck.diagnose.recorder --gsm8k)
smollm2: .venv/installed
dev: .venv/installed-dev
peers: .venv/installed-peers
clean: ; rm -rf .venv _build
# In a folder that was moved, renamed or copied the environment is made anew.
MOVED := $(shell sh tools/install.sh moved && echo moved)
moved: ;
.venv/installed: requirements.txt pyproject.toml trlib/__init__.py tools/install.sh $(MOVED) ; @sh tools/install.sh
.venv/installed-dev: .venv/installed requirements-dev.txt ; @sh tools/install.sh dev
.venv/installed-peers: .venv/installed-dev requirements-peers.txt ; @sh tools/install.sh peers
