"""Forked kernels: as empty as others, named when they die, and ended with the builder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest

from tools import kernels
from tools.execute import NotebookFailed, Stopped, execute
from tools.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    """A nursery that imports little: what the real one imports, every chapter of the book tries out."""
    monkeypatch.setattr(kernels, "PRELOADED", ("ipykernel.kernelapp", "a_module_that_is_not_installed"))


def notebook(path: Path, *cells: str) -> Path:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    return path


def printed(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(out["text"] for cell in cells for out in cell.outputs)


LOOK = """
import os, sys
print(os.environ["TRLIB_PROFILE"], os.listdir(), os.getpgrp() == os.getpid(), sys.stdin.isatty())
print([name for name in ("trlib", "trlab", "trbook", "torch") if name in sys.modules])
print([path for path in sys.path if path in (ROOT, f"{ROOT}/tools", f"{ROOT}/book")])
import trlib
"""


@pytest.mark.nightly("seconds of kernels")
def test_a_forked_kernel_is_as_empty_as_another_and_one_that_dies_is_named(tmp_path: Path) -> None:
    sources = [
        notebook(tmp_path / "a.ipynb", f"ROOT = {str(ROOT)!r}", LOOK),
        notebook(tmp_path / "b.ipynb", "x = 1", "import os\nos._exit(1)"),
        notebook(tmp_path / "c.ipynb", "import subprocess\nprint(subprocess.run(['true']).returncode)"),
    ]
    assert kernels.pays(len(sources), "smoke") and not kernels.pays(len(sources), "gpu") and not kernels.pays(1, "cpu")
    with pytest.raises(NotebookFailed, match=r"^b\.ipynb: its kernel died in cell 2"):
        execute(sources, tmp_path / "out", profile="smoke", workers=3)
    assert printed(tmp_path / "out" / "a.ipynb") == "smoke ['a.ipynb'] True False\n[]\n[]\n"
    assert printed(tmp_path / "out" / "c.ipynb") == "0\n"


SLEEP = """
import os, pathlib, time
pathlib.Path({told!r}).write_text(str(os.getpid()))
time.sleep(600)
"""


def ended(number: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return " Z " in Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return True


def test_a_stopped_execution_ends_forked_kernels(tmp_path: Path) -> None:
    told = tmp_path / "told"
    sources = [notebook(tmp_path / f"{name}.ipynb", SLEEP.format(told=str(told))) for name in "abc"]
    stop = threading.Event()

    def when_it_runs() -> None:
        while not (told.exists() and told.read_text()):
            time.sleep(0.05)
        stop.set()

    threading.Thread(target=when_it_runs, daemon=True).start()
    with pytest.raises(Stopped):
        execute(sources, tmp_path / "out", profile="smoke", workers=1, stop=stop)
    assert ended(int(told.read_text()))


def test_a_nursery_that_is_closed_while_it_imports_forks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "PRELOADED", ("torch",))
    nursery = kernels.Nursery()
    threading.Timer(0.2, nursery.close).start()
    with (tmp_path / "output").open("w") as output, pytest.raises(OSError):
        nursery.fork(["-f", "connection.json"], {}, str(tmp_path), output)


BUILDER = """
import sys, time
from tools import kernels
kernels.PRELOADED = ("json",)
nursery = kernels.Nursery()
with open(sys.argv[1], "w") as output:
    kernel = nursery.fork(["-f", "connection.json"], dict(HOME=sys.argv[2]), sys.argv[2], output)
print(kernel.pid, nursery._process.pid, flush=True)
time.sleep(600)
"""


def test_kernels_end_when_their_builder_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILDER, str(tmp_path / "output"), str(tmp_path)]
    builder = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert builder.stdout is not None
    numbers = list(map(int, builder.stdout.readline().split()))
    builder.kill()
    builder.wait()
    builder.stdout.close()
    end = time.monotonic() + 120
    while not all(map(ended, numbers)):
        assert time.monotonic() < end, "still there: " + " ".join(str(n) for n in numbers if not ended(n))
        time.sleep(0.05)
    assert os.path.exists(tmp_path / "output")
