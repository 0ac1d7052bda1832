"""The one execution: outputs, the record, what is skipped, what is run at once, and how a failure is named."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest

from tools import execute as module
from tools.execute import KEY, Finished, NotebookFailed, Stopped, execute, fingerprint, stale
from tools.lock import alone
from tools.paths import ROOT


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
    needed = tmp_path / "module.py"
    needed.write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr("tools.dependencies.needs", lambda _: module.dependencies.Needs((needed,), ("os",)))
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
    needed.write_text("x = 22\n", encoding="utf-8")
    assert fingerprint(source, "smoke") != record["key"]
    needed.write_text("x = 1\n", encoding="utf-8")
    assert fingerprint(source, "smoke") == record["key"]
    notebook(source, "print(3)")
    assert fingerprint(source, "smoke") != record["key"]


@pytest.mark.nightly("three kernels; a failure is told by day where the book is built")
def test_a_failing_cell_is_named_the_last_good_copy_stays_and_the_others_run(tmp_path: Path) -> None:
    bad = notebook(tmp_path / "b.ipynb", "x = 1", "{}['missing']", "y = 2")
    good = notebook(tmp_path / "c.ipynb", "print(3)")
    copy = tmp_path / "out" / "b.ipynb"
    copy.parent.mkdir()
    copy.write_text("the last good copy", encoding="utf-8")
    told: list[Finished] = []
    with pytest.raises(NotebookFailed, match=r"^b\.ipynb, cell 3: KeyError: 'missing'") as error:
        execute([bad, good], tmp_path / "out", profile="smoke", workers=1, report=told.append)
    assert copy.read_text(encoding="utf-8") == "the last good copy"
    assert outputs(tmp_path / "out" / "c.ipynb") == ["3\n"]
    assert [(one.notebook, one.number, one.total, bool(one.error)) for one in told] == [
        (bad, 1, 2, True),
        (good, 2, 2, False),
    ]
    assert list(error.value.failures) == [bad]


def test_a_dead_kernel_is_named(tmp_path: Path) -> None:
    source = notebook(tmp_path / "c.ipynb", "x = 1", "import os\nos._exit(1)")
    with pytest.raises(NotebookFailed, match=r"^c\.ipynb: its kernel died in cell 3"):
        execute([source], tmp_path / "out", profile="smoke")


@pytest.mark.nightly("waits for a time limit")
def test_a_cell_without_end_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELL_SECONDS", 3)
    source = notebook(tmp_path / "d.ipynb", "x = 1", "while True: pass")
    with pytest.raises(NotebookFailed, match=r"^d\.ipynb, cell 3: not finished in 3 s"):
        execute([source], tmp_path / "out", profile="smoke")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_as_many_run_at_once_as_there_are_cores_in_the_order_given(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No kernel is started: what runs is a stand-in that notes who runs beside it."""
    paths = [notebook(tmp_path / f"{name}.ipynb", "1") for name in "abcde"]
    started: list[str] = []
    running: set[Path] = set()
    most: list[int] = []
    lock = threading.Lock()

    def run(_: object, path: Path) -> object:
        with lock:
            started.append(path.stem)
            running.add(path)
            most.append(len(running))
        time.sleep(0.1)
        with lock:
            running.discard(path)
        return json.loads(path.read_text(encoding="utf-8"))

    monkeypatch.setattr(module._Runner, "run", run)
    monkeypatch.setattr(module, "cores", lambda: number)
    (tmp_path / "out").mkdir()
    execute(paths, tmp_path / "out", profile="smoke")
    assert max(most) == number
    assert sorted(started) == list("abcde")
    assert sorted(started[:number]) == list("abcde")[:number]


def test_where_memory_is_short_fewer_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cores", lambda: 8)
    memory = SimpleNamespace(available=4 * module.KERNEL_BYTES, free=0)  # the rest is what the system keeps of files
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert module._workers(22) == 4
    memory.available = 0
    assert module._workers(22) == 1


@pytest.mark.nightly("starts kernels; one is killed every time")
def test_a_stopped_execution_ends_its_kernels_and_keeps_what_is_done(tmp_path: Path) -> None:
    first = notebook(tmp_path / "a.ipynb", "print(1)")
    second = notebook(tmp_path / "b.ipynb", "import time\ntime.sleep(600)")
    stop = threading.Event()
    begun = time.monotonic()
    with pytest.raises(Stopped):
        execute(
            [first, second],
            tmp_path / "out",
            profile="smoke",
            workers=1,
            report=lambda _: threading.Timer(2, stop.set).start(),
            stop=stop,
        )
    assert time.monotonic() - begun < 120
    assert list(stale([first, second], tmp_path / "out", profile="smoke")) == [second]


CHILD = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tools.execute import execute
execute([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]), profile="smoke", workers=1)
"""


@pytest.mark.nightly("seconds of kernels; a build that is killed goes on in `make test` too")
def test_a_killed_execution_is_taken_up_where_it_was(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    count = f"open({str(marks)!r}, 'a').write('{{}}\\n')"
    first = notebook(tmp_path / "a.ipynb", count.format("a"))
    second = notebook(
        tmp_path / "b.ipynb",
        count.format("b"),
        f"import os, time\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(.1)",
    )
    command = [sys.executable, "-c", CHILD, str(tmp_path / "out"), str(first), str(second)]
    child = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    end = time.monotonic() + 120
    while not (marks.exists() and "b" in marks.read_text()) and time.monotonic() < end:
        time.sleep(0.1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    (tmp_path / "go").touch()
    execute([first, second], tmp_path / "out", profile="smoke")
    assert marks.read_text().split() == ["a", "b", "b"]


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
