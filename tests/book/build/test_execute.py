"""The one execution: outputs, the record, what is skipped, how a failure is named, and what a
killed run leaves."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import nbformat
import pytest

from book.build import execute as module
from book.build.execute import KEY, PEERS, NotebookFailed, Results, execute
from book.build.execute import _version as real
from book.build.lock import alone
from book.build.paths import ROOT


def notebook(path, *cells, text="# A"):
    book = nbformat.v4.new_notebook()
    code = [nbformat.v4.new_code_cell(cell, id=f"c{k}") for k, cell in enumerate(cells)]
    book.cells = [nbformat.v4.new_markdown_cell(text, id="t"), *code]
    nbformat.write(book, path)
    return path


def outputs(found):
    assert found is not None
    return ["".join(out["text"]) for cell in found["cells"] for out in cell.get("outputs", [])]


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A package that stands for the three."""
    file = tmp_path / "package" / "module.py"
    file.parent.mkdir()
    file.write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr(module, "PACKAGES", (file.parent,))
    return file


def test_a_notebook_runs_in_an_empty_folder_once_and_a_failure_names_its_cell(tmp_path, packages):
    good = notebook(
        tmp_path / "a.ipynb",
        "import os\nprint(os.environ['TRLIB_PROFILE'], os.listdir())",
        "print(2)",
    )
    bad = notebook(tmp_path / "b.ipynb", "x = 1", "import os\nos._exit(1)")
    told = []
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


def kept(tmp_path, source):
    """The results of a notebook that pretends to have run."""
    results = Results(tmp_path / "out", "smoke")
    copy = nbformat.read(source, as_version=4)
    copy.cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n")]
    nbformat.write(copy, tmp_path / "copy.ipynb")
    results.keep(source, tmp_path / "copy.ipynb")
    return results


def test_results_hold_for_a_code_and_for_packages(tmp_path, packages, monkeypatch):
    source = notebook(tmp_path / "a.ipynb", "print(1)")
    before = kept(tmp_path, source).of(source)
    assert before and outputs(before) == ["1\n"]

    def now():
        return Results(tmp_path / "out", "smoke").of(source)

    notebook(source, "print(1)", text="# Another text")
    after = now()
    assert (
        outputs(after) == ["1\n"]
        and after
        and "".join(after["cells"][0]["source"]) == "# Another text"
    )
    assert after["metadata"][KEY]["text"] == before["metadata"][KEY]["text"]
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


def test_an_edit_that_is_undone_finds_its_results_and_old_ones_go_one_by_one(
    tmp_path, packages, monkeypatch
):
    """Also after runs of later states; of these the newest are kept."""
    source = notebook(tmp_path / "a.ipynb", "print(1)")
    monkeypatch.setattr(module, "STATES", 3)
    for number in range(1, 6):
        packages.write_text(f"x = {number}\n", encoding="utf-8")
        results = kept(tmp_path, source)
        newest = max(results._place(source).iterdir(), key=lambda file: file.stat().st_mtime)
        os.utime(newest, (number, number))
        results.tidy([source])
    found = {}
    for number in range(1, 6):
        packages.write_text(f"x = {number}\n", encoding="utf-8")
        found[number] = Results(tmp_path / "out", "smoke").has(source)
    assert found == {1: False, 2: False, 3: True, 4: True, 5: True}


def test_a_result_that_is_cut_short_or_unfinished_is_none(tmp_path, packages):
    source = notebook(tmp_path / "a.ipynb", "print(1)")
    results = kept(tmp_path, source)
    (file,) = results._place(source).iterdir()
    whole = file.read_bytes()
    for broken in (whole[:-20], b"", b"{}", b"[]"):
        file.write_bytes(broken)
        assert results.of(source) is None
    file.write_bytes(whole)
    assert outputs(results.of(source)) == ["1\n"]


def test_a_notebook_depends_on_what_it_reads(tmp_path, monkeypatch):
    """Modules, data and folders that its kernel read, a model with its weights; and TRL where it
    was asked for."""
    package = tmp_path / "package"
    texts = {
        "used.py": "x = 1",
        "unused.py": "y = 1",
        "data.csv": "1",
        "model/config.json": "{}",
        "model/model.safetensors": "w",
        "listed/a.py": "",
    }
    for name, text in texts.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(module, "PACKAGES", (package,))
    source = notebook(tmp_path / "a.ipynb", "print(1)")
    other = notebook(tmp_path / "b.ipynb", "find_spec('trl')\nprint(1)")
    read = [str(package / name) for name in ("used.py", "data.csv", "model/config.json")]
    read += [f"{package / 'listed'}{os.sep}", "/elsewhere/file", "import numpy"]
    results = Results(tmp_path / "out", "smoke")
    for path in (source, other):
        assert results.keep(path, path, read)

    def holds(path):
        return Results(tmp_path / "out", "smoke").has(path)

    for name, matters in {
        "used.py": True,
        "unused.py": False,
        "data.csv": True,
        "model/model.safetensors": True,
        "listed/a.py": False,
    }.items():
        (package / name).write_text("changed", encoding="utf-8")
        assert holds(source) is not matters, name
        (package / name).write_text(texts[name], encoding="utf-8")
    assert holds(source)
    (package / "listed" / "b.py").write_text("", encoding="utf-8")
    assert not holds(source), "a folder that was listed has another file"
    (package / "listed" / "b.py").unlink()
    monkeypatch.setattr(module, "_version", lambda name: "99" if name in PEERS else real(name))
    assert holds(source) and not holds(other)


def test_a_file_that_changes_while_a_notebook_runs_voids_its_results(tmp_path, packages):
    source = notebook(tmp_path / "a.ipynb", "print(1)")
    results = Results(tmp_path / "out", "smoke")
    packages.write_text("x = 2\n", encoding="utf-8")
    assert not results.keep(source, source, [str(packages)])
    assert not (tmp_path / "out" / "smoke").exists()


def test_a_kernel_notes_what_it_reads(tmp_path):
    """A module, also from its compiled file, data, a listed folder and a missing package; nothing
    that the import system lists."""
    (tmp_path / "a_module.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "data.txt").write_text("1", encoding="utf-8")
    (tmp_path / "reads").mkdir()
    work = "import sys, os; sys.path.insert(0, '..'); import a_module\n"
    work += "os.listdir('../folder'); open('../folder/data.txt').close()\n"
    work += "try:\n    import trl_that_is_missing\nexcept ImportError: pass\n"
    start = (ROOT / "book" / "build" / "reads.py").read_text(encoding="utf-8")
    (tmp_path / "room").mkdir()
    clean = {name: value for name, value in os.environ.items() if "PYTHON" not in name}
    for _ in range(2):
        (tmp_path / "reads" / "room").unlink(missing_ok=True)
        subprocess.run(
            [sys.executable, "-c", start + work],
            cwd=tmp_path / "room",
            env={**clean, "TRLIB_READS": str(tmp_path / "reads")},
            check=True,
        )
        noted = (tmp_path / "reads" / "room").read_text(encoding="utf-8").splitlines()
        assert len(noted) == len({*noted})
        wanted = ("a_module.py", f"folder{os.sep}", "folder/data.txt")
        assert {*noted} >= {f"{tmp_path}/{name}" for name in wanted}
        assert "import trl_that_is_missing" in noted and f"{tmp_path}{os.sep}" not in noted
    assert (tmp_path / "__pycache__").is_dir(), "the second time it came from its compiled file"


@pytest.mark.nightly("waits for a time limit")
def test_a_cell_without_end_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CELL_SECONDS", 3)
    source = notebook(tmp_path / "d.ipynb", "x = 1", "while True: pass")
    with pytest.raises(NotebookFailed, match=r"^d\.ipynb, cell 3: A cell timed out"):
        execute([source], tmp_path / "out", profile="smoke")


def test_two_builders_of_one_folder_wait_for_each_other(tmp_path):
    order = []

    def later():
        with alone(tmp_path, lambda: order.append("waits")):
            order.append("second")

    with alone(tmp_path):
        thread = threading.Thread(target=later)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join(5)
    assert order == ["waits", "first", "second"]


CHILD = """
import sys
from pathlib import Path
from book.build.execute import execute
execute([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]), profile="smoke")
"""


@pytest.mark.nightly("seconds of kernels")
def test_a_killed_execution_is_taken_up_where_it_was(tmp_path):
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
