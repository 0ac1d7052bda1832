"""The one execution: outputs, the record, what is skipped, how a failure is named, and what a
killed run leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tools import execute as module
from tools.execute import KEY, Finished, NotebookFailed, Results, execute
from tools.lock import alone
from tools.paths import ROOT


def notebook(path: Path, *cells: str, text: str = "# A") -> Path:
    book = nbformat.v4.new_notebook()
    code = [nbformat.v4.new_code_cell(cell, id=f"c{k}") for k, cell in enumerate(cells)]
    book.cells = [nbformat.v4.new_markdown_cell(text, id="t"), *code]
    nbformat.write(book, path)
    return path


def outputs(found: dict[str, Any] | None) -> list[str]:
    assert found is not None
    return ["".join(out["text"]) for cell in found["cells"] for out in cell.get("outputs", [])]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that stands for the three."""
    file = tmp_path / "package" / "module.py"
    file.parent.mkdir()
    file.write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr(module, "PACKAGES", (file.parent,))
    return file


def test_a_notebook_runs_in_an_empty_folder_once_and_a_failure_names_its_cell(
    tmp_path: Path, packages: Path
) -> None:
    good = notebook(
        tmp_path / "a.ipynb",
        "import os\nprint(os.environ['TRLIB_PROFILE'], os.listdir())",
        "print(2)",
    )
    bad = notebook(tmp_path / "b.ipynb", "x = 1", "import os\nos._exit(1)")
    told: list[Finished] = []
    with pytest.raises(NotebookFailed, match=r"^b\.ipynb, cell 3: DeadKernelError") as error:
        execute([good, bad], tmp_path / "out", profile="smoke", report=told.append)
    assert list(error.value.failures) == [bad]
    assert {one.notebook: bool(one.error) for one in told} == {good: False, bad: True}
    assert [(one.number, one.total) for one in told] == [(1, 2), (2, 2)]
    found = Results(tmp_path / "out", "smoke").of(good)
    assert outputs(found) == ["smoke ['a.ipynb']\n", "2\n"]
    assert (
        found
        and found["metadata"][KEY]["seconds"] < 60
        and found["metadata"][KEY]["versions"]["torch"]
    )
    again = execute(
        [good], tmp_path / "out", profile="smoke", report=lambda _: pytest.fail("it has run")
    )
    assert again.of(good) == found and again.of(bad) is None


def kept(tmp_path: Path, source: Path) -> Results:
    """The results of a notebook that pretends to have run."""
    results = Results(tmp_path / "out", "smoke")
    copy = nbformat.read(source, as_version=4)
    copy.cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n")]
    nbformat.write(copy, tmp_path / "copy.ipynb")
    results.keep(source, tmp_path / "copy.ipynb")
    return results


def test_results_hold_for_a_code_and_for_packages(
    tmp_path: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = notebook(tmp_path / "a.ipynb", "print(1)")
    before = kept(tmp_path, source).of(source)
    assert before and outputs(before) == ["1\n"]

    def now() -> dict[str, Any] | None:
        return Results(tmp_path / "out", "smoke").of(source)

    notebook(source, "print(1)", text="# Another text")
    after = now()
    assert (
        outputs(after) == ["1\n"]
        and after
        and "".join(after["cells"][0]["source"]) == "# Another text"
    )
    assert after["metadata"][KEY]["text"] != before["metadata"][KEY]["text"]
    packages.write_text("x = 22\n", encoding="utf-8")
    assert now() is None
    packages.write_text("x = 1\n", encoding="utf-8")
    assert now() == after
    monkeypatch.setattr(module, "version", lambda name: "0.0.1" if name == "numpy" else "1")
    assert now() is None, "a cache that other versions have made is none"
    monkeypatch.undo()
    monkeypatch.setattr(module, "PACKAGES", (packages.parent,))
    notebook(source, "print(3)")
    assert now() is None


def test_a_cache_of_other_packages_is_removed(tmp_path: Path, packages: Path) -> None:
    source = notebook(tmp_path / "a.ipynb", "print(1)")
    kept(tmp_path, source)
    packages.write_text("x = 22\n", encoding="utf-8")
    later = kept(tmp_path, source)
    later.tidy()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [later.key]
    assert outputs(later.of(source)) == ["1\n"]


@pytest.mark.nightly("waits for a time limit")
def test_a_cell_without_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELL_SECONDS", 3)
    source = notebook(tmp_path / "d.ipynb", "x = 1", "while True: pass")
    with pytest.raises(NotebookFailed, match=r"^d\.ipynb, cell 3: A cell timed out"):
        execute([source], tmp_path / "out", profile="smoke")


CHILD = """
import sys
from pathlib import Path
from tools.execute import execute
execute([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]), profile="smoke")
"""


@pytest.mark.nightly("seconds of kernels")
def test_a_killed_execution_is_taken_up_where_it_was(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    count = f"open({str(marks)!r}, 'a').write('{{}}\\n')"
    first = notebook(tmp_path / "a.ipynb", count.format("a"))
    waits = f"import os, time\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(.1)"
    second = notebook(tmp_path / "b.ipynb", count.format("b"), waits)
    command = [sys.executable, "-c", CHILD, str(tmp_path / "out"), str(first), str(second)]
    child = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    end = time.monotonic() + 240
    ready = False
    while not ready and time.monotonic() < end:
        time.sleep(0.1)
        ready = (
            marks.exists()
            and "b" in marks.read_text()
            and Results(tmp_path / "out", "smoke").has(first)
        )
    child.send_signal(signal.SIGKILL)
    child.wait()
    (tmp_path / "go").touch()
    results = execute([first, second], tmp_path / "out", profile="smoke")
    assert sorted(marks.read_text().split()) == ["a", "b", "b"]
    assert json.dumps(results.of(second))


def test_two_builders_of_one_folder_wait_for_each_other(tmp_path: Path) -> None:
    order: list[str] = []

    def later() -> None:
        with alone(tmp_path, lambda: order.append("waits")):
            order.append("second")

    with alone(tmp_path):
        thread = threading.Thread(target=later)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(5)
    assert order == ["waits", "first", "second"]
