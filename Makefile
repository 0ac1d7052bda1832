PYTHON := .venv/bin/python
export OMP_NUM_THREADS := 1
.PHONY: book html pdf report test quick style nightly dev lab gpu smollm2 clean
book: .venv/installed ; @$(PYTHON) -m tools.html --serve
html: .venv/installed ; @$(PYTHON) -m tools.html
# The book on paper, from the pages that `make html` has built.
pdf: .venv/installed-dev ; @$(PYTHON) -m tools.pdf
# The report, built from the records and printed as a paper.
report: .venv/installed-dev ; @$(PYTHON) -m tools.pdf --alone book/report
PYTEST := $(PYTHON) -m pytest -n auto --maxprocesses 4 --dist worksteal
# Two notebooks less, which nbmake runs for the tests' own book.
SHOWN := 00_quickstart 05_grpo
test: .venv/installed-dev
	@$(PYTEST) -m "not nightly and not style" --nbmake $(SHOWN:%=--deselect notebooks/%.ipynb) tests notebooks
LOSSES := tests/core/algorithms $(addprefix tests/core/test_,$(addsuffix .py,advantages aggregation checks corrections divergences))
# After each edit, in a minute: the losses, the lint and the storeys; `make test` checks the types as well.
quick: .venv/installed-dev ; @$(PYTEST) -m "not nightly and not style" --deselect "tests/core/test_repository.py::test_the_checks_are_clean[types]" \
	$(LOSSES) tests/core/test_package.py tests/core/test_repository.py
# How things are written and counted: it advises, and nothing waits for it.
style: .venv/installed-dev ; -@$(PYTEST) -m style
# What takes long, and every number once more with the least that torch, MKL, oneDNN, numpy and OpenBLAS can be held to,
# which round as another processor does. Hypothesis draws at random here, and always the same by day.
LEAST := ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE MKL_ENABLE_INSTRUCTIONS=SSE4_2 ONEDNN_MAX_CPU_ISA=SSE41 \
	NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4" OPENBLAS_CORETYPE=Nehalem
NUMBERS := tests/core tests/gallery tests/instruments tests/lab $(wildcard tests/book/test_*.py)
nightly: .venv/installed-dev
	@$(PYTEST) --hypothesis-profile=default -m nightly --book cpu
	@$(LEAST) $(PYTEST) --hypothesis-profile=default -m "not nightly and not style" $(NUMBERS)
lab: .venv/installed ; .venv/bin/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks
gpu: .venv/installed ; @$(PYTHON) -m tools.gpu
smollm2: .venv/installed
dev: .venv/installed-dev
clean: ; rm -rf .venv _build
.venv/installed: requirements.txt pyproject.toml tools/install.sh ; @sh tools/install.sh
.venv/installed-dev: .venv/installed requirements-dev.txt ; @sh tools/install.sh dev
