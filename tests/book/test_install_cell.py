"""A hosted notebook's first cell, in a clean environment that already has torch and numpy: both
stay as they are."""

import json
import os
import re
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from book.build.paths import ROOT
from book.build.stamp import install_cell, version
from trbook.address import Address

OWN = ("trust_region_book", "__editable__", "trlib")
THERE = Address("https://github.com/somebody/trust-region-book")
INSIDE = """
import json
from importlib.metadata import version
import numpy, torch, trlib
policy = trlib.load_policy("dial")
print(json.dumps([version("trust-region-book"), trlib.__file__, torch.__file__, numpy.__file__, len(policy.trainable)]))
"""


def run(*command):
    ours = {
        name: value for name, value in os.environ.items() if name != "PYTHONPATH"
    }  # it would bring this checkout
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, cwd="/", env=ours
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def hosted(tmp_path_factory):
    """The Python of an environment that has everything this one has, but neither this package nor
    its checkout."""
    folder = tmp_path_factory.mktemp("hosted")
    theirs = folder / "packages"
    theirs.mkdir()
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not entry.name.startswith(OWN):
            (theirs / entry.name).symlink_to(entry)
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    site = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").strip()
    )
    (site / "preinstalled.pth").write_text(f"{theirs}\n", encoding="utf-8")
    return python


@pytest.mark.nightly("installs the package into an environment of its own")
def test_the_cell_installs_this_package_and_touches_nothing_else(hosted):
    listed = (hosted, "-m", "pip", "--disable-pip-version-check", "list", "--format=freeze")
    before = set(run(*listed).split())
    assert {line.split("==")[0] for line in before} >= {"torch", "numpy", "transformers"}
    assert not any(line.startswith("trust-region-book") for line in before)
    told = re.search(r'pip install -q "(.+)"$', install_cell(THERE), re.MULTILINE)
    assert told is not None
    assert told.group(1) == f"trust-region-book[notebook] @ git+{THERE.repository}@{THERE.branch}"
    head = run("git", "-C", ROOT, "rev-parse", "HEAD").strip()
    wanted = told.group(1).split("git+")[0] + f"git+file://localhost{ROOT}@{head}"
    # --no-index: a dependency that were missing could not be brought in unseen.
    run(
        hosted,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "-q",
        "--no-index",
        "--no-build-isolation",
        wanted,
    )
    assert set(run(*listed).split()) - before == {f"trust-region-book=={version()}"}
    number, package, torch, numpy, tensors = json.loads(run(hosted, "-c", INSIDE))
    assert number == version()
    assert str(hosted.parents[1]) in package
    assert "packages" in torch and "packages" in numpy
    assert tensors > 10


def test_the_cell_does_nothing_where_the_package_is_there():
    for where in (THERE, Address()):
        code = re.sub(
            r"^    %pip.*$",
            "    raise AssertionError('it would install')",
            install_cell(where),
            flags=re.M,
        )
        exec(compile(code, "cell", "exec"), {})


@pytest.mark.parametrize("where", [THERE, Address()])
def test_without_the_package_the_first_cell_installs_it(where):
    """As on a hosted notebook: from its address, or from the wheel that was uploaded."""
    shell, asked = InteractiveShell(), []
    shell.register_magic_function(asked.append, magic_name="pip")
    missing = 'name="a-book-that-is-not-there"'
    shell.run_cell(install_cell(where).replace('name="trust-region-book"', missing))
    (line,) = asked
    assert (where.source or "trust_region_book-*.whl") in line and " trlib" not in line
