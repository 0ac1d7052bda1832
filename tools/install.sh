#!/bin/sh
# Installs into .venv what the book needs; `install.sh dev` adds what tests and comparisons need. No root, no Node.
# Run by make when the requirements or pyproject.toml changed.
set -eu

works() { "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

if ! works .venv/bin/python; then
    for python in ${TRLIB_PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if works "$python"; then found=$python; break; fi
    done
    if [ -z "${found:-}" ]; then
        echo "install: no Python 3.11 or newer found; name one: make TRLIB_PYTHON=/path/to/python3.11 ..." >&2
        exit 1
    fi
    "$found" -m venv --clear .venv
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }
# pip compiles on one core, after everything else: half a minute that the other core can spend while pip goes on.
compile() { .venv/bin/python -m compileall -qq -j "$1" .venv/lib > /dev/null 2>&1 || true; }

if [ "${1:-}" = dev ]; then
    echo "install: what tests and comparisons need ..."
    pip install -q -r requirements-dev.txt
    # verl's metadata asks for an older Python and an older transformers than it needs for what is used of it here.
    pip install -q --no-deps --ignore-requires-python verl==0.9.1
    touch .venv/installed-dev
else
    echo "install: torch ..."
    # torch alone and first: pip then finds it in place and never replaces the build that was chosen.
    pip install -q --no-compile "$(grep '^torch==' requirements.txt)"
    compile 1 &
    echo "install: what the book needs ..."
    pip install -q --no-compile -r requirements.txt
    pip install -q --no-deps -e .
    wait
    compile 0
    touch .venv/installed
fi
