"""The one execution: outputs, the record, what is skipped, and how a failure is named."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import nbformat
import pytest

from tools.execute import KEY, NotebookFailed, execute, fingerprint
from tools.lock import alone


def notebook(path: Path, *cells: str) -> Path:
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_markdown_cell("# A"), *(nbformat.v4.new_code_cell(cell) for cell in cells)]
    nbformat.write(book, path)
    return path


def outputs(path: Path) -> list[str]:
    book = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(out["text"]) for cell in book["cells"] for out in cell.get("outputs", [])]


def test_a_notebook_runs_in_an_empty_folder_and_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = [tmp_path / "module.py"]
    package[0].write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr("tools.execute._package", lambda: package)
    source = notebook(tmp_path / "a.ipynb", "import os\nprint(os.environ['TRLIB_PROFILE'], os.listdir())", "print(2)")
    [copy] = execute([source], tmp_path / "out", profile="smoke")
    assert outputs(copy) == ["smoke ['a.ipynb']\n", "2\n"]
    record = json.loads(copy.read_text(encoding="utf-8"))["metadata"][KEY]
    assert record["key"] == fingerprint(source, "smoke")
    assert record["seconds"] < 60
    assert record["versions"]["torch"]
    before = copy.stat().st_mtime_ns
    execute([source], tmp_path / "out", profile="smoke")
    assert copy.stat().st_mtime_ns == before
    assert fingerprint(source, "cpu") != record["key"]
    package[0].write_text("x = 2\n", encoding="utf-8")
    assert fingerprint(source, "smoke") != record["key"]
    package[0].write_text("x = 1\n", encoding="utf-8")
    assert fingerprint(source, "smoke") == record["key"]
    notebook(source, "print(3)")
    assert fingerprint(source, "smoke") != record["key"]


def test_a_failing_cell_is_named_and_the_last_good_copy_stays(tmp_path: Path) -> None:
    source = notebook(tmp_path / "b.ipynb", "x = 1", "{}['missing']", "y = 2")
    copy = tmp_path / "out" / "b.ipynb"
    copy.parent.mkdir()
    copy.write_text("the last good copy", encoding="utf-8")
    with pytest.raises(NotebookFailed, match=r"^b\.ipynb, cell 3: KeyError: 'missing'"):
        execute([source], tmp_path / "out", profile="smoke")
    assert copy.read_text(encoding="utf-8") == "the last good copy"


def test_a_dead_kernel_is_named(tmp_path: Path) -> None:
    source = notebook(tmp_path / "c.ipynb", "x = 1", "import os\nos._exit(1)")
    with pytest.raises(NotebookFailed, match=r"^c\.ipynb: its kernel died"):
        execute([source], tmp_path / "out", profile="smoke")


def test_two_builders_of_one_folder_wait_for_each_other(tmp_path: Path) -> None:
    order: list[str] = []

    def later() -> None:
        with alone(tmp_path):
            order.append("second")

    with alone(tmp_path):
        thread = threading.Thread(target=later)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
