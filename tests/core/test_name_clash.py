"""Another project of the same name: each way of meeting it ends with a sentence that says which of
the two this is."""

import os
import subprocess
import sys

import pytest

from book.build.paths import ANNEXED, ROOT

PACKAGES = (ROOT / "trlab", *([ROOT / "trcheck"] if ANNEXED else []), ROOT / "book/trbook")


def python(code, *paths, options=()):
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=where)


@pytest.fixture
def replaced(tmp_path):
    """A folder of packages where the other project was installed after ours, into the same
    folder."""
    (tmp_path / "trlib").mkdir()
    for entry in (ROOT / "trlib").iterdir():
        if entry.name != "__init__.py":
            (tmp_path / "trlib" / entry.name).symlink_to(entry)
    (tmp_path / "trlib/__init__.py").write_text('__version__ = "1.0.1"\n', encoding="utf-8")
    for package in PACKAGES:
        (tmp_path / package.name).symlink_to(package)
    return tmp_path


@pytest.mark.parametrize("package", [package.name for package in PACKAGES])
def test_our_packages_refuse_another_trlib(package, replaced):
    done = python(f"import {package}", replaced)
    assert "ImportError: `import trlib` brings another project, trlib 1.0.1" in done.stderr
    assert "pip uninstall trlib" in done.stderr


def test_an_older_python_is_told_which_it_needs():
    old = "import sys; sys.version_info = (3, 10, 4); sys.version = '3.10.4 (main)'; import trlib"
    done = python(old, ROOT)
    assert done.stderr.splitlines()[-1].startswith(
        "ImportError: trlib: expected Python 3.11 or newer, got Python 3.10.4 ("
    )
