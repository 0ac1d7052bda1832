"""The engine's built files are those of its sources."""

import hashlib

import pytest

from book.build.pack.engine import build, compiler, version
from trbook.explorables.engine import BUILT, record, sources_hash


def test_the_built_files_are_those_that_the_record_names():
    lock = record()
    assert lock["sources"] == sources_hash(), (
        "the C sources changed: `python -m book.build.pack.engine`"
    )
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in BUILT.glob("*.wasm")
    }
    assert found == lock["files"]


def test_the_same_compiler_builds_the_same_bytes(tmp_path):
    clang = compiler()
    if clang is None or version(clang) != record()["clang"]:
        pytest.skip(f"needs clang {record()['clang']} with the WebAssembly target")
    assert build(clang, tmp_path) == record()["files"]
