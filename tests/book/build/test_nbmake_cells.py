"""`pytest --nbmake` here: a failure names its cell, whatever ended the notebook; printing nothing
is no failure."""

import os
import re
import subprocess
import sys

import nbformat
import pytest

from book.build.paths import ROOT

NOTEBOOKS = {
    "raises": ["x = 1", "{}['missing']", "y = 2"],
    "dies": ["x = 1", "import os\nos._exit(1)"],
    "leaves": ["import sys\nsys.exit('enough')"],
    "silent": ["x = 1", "", "import os\nassert os.environ['TRLIB_PROFILE'] == 'smoke'"],
}
SOLUTION = "raise RuntimeError('a test of the exercises runs solutions')"
SAID = {
    "raises": "cell 3: KeyError: 'missing'",
    "dies": "cell 3: DeadKernelError: Kernel died",
    "leaves": "cell 2: SystemExit: enough",
    "cut": "This file is not a valid json document",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    for name, cells in NOTEBOOKS.items():
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        code.append(nbformat.v4.new_code_cell(SOLUTION, metadata={"tags": ["solution"]}))
        nbformat.write(
            nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A"), *code]),
            folder / f"{name}.ipynb",
        )
    whole = (folder / "raises.ipynb").read_text(encoding="utf-8")
    (folder / "cut.ipynb").write_text(whole[: len(whole) // 2], encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        "-p",
        "book.build.nbmake_cells",
        "-rA",
        str(folder),
    ]
    wide = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, env=wide, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", SAID)
def test_a_notebook_that_fails_is_named_with_its_cell(name, told):
    summary = told.partition("short test summary")[2]
    assert f"{name}.ipynb::{name}.ipynb - " in summary
    assert f"\n{SAID[name]}\n" in told


def test_one_that_prints_nothing_passes_in_the_smoke_profile(told):
    assert re.search(r"^PASSED \S*silent\.ipynb$", told, re.MULTILINE)
