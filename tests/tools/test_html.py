"""How the book is built: what comes first, what is said, what an interruption and a failure leave. Sphinx and the
kernels are stand-ins here; `tests/browser` builds the real pages."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tools import html, pages
from tools.execute import Finished, NotebookFailed, Stopped
from tools.html import PENDING, Builder, BuildFailed


class Book:
    """A book of three notebooks, whose execution and whose pages are stand-ins that note what is done."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.out = folder / "root", folder / "_build"
        (self.root / "book").mkdir(parents=True)
        (self.root / "notebooks").mkdir()
        for name in ("_config.yml", "_toc.yml", "book/index.md"):
            (self.root / name).write_text(name, encoding="utf-8")
        self.chapters = [self.root / "notebooks" / f"{name}.ipynb" for name in ("00_a", "01_b", "02_c")]
        for path in self.chapters:
            nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# {path.stem}")]), path)
        self.log: list[str] = []
        self.said: list[str] = []
        self.fails: dict[str, str] = {}
        self.held = threading.Event()
        self.held.set()
        self.sphinx: Callable[[dict[str, Any]], str] = lambda _: ""
        monkeypatch.setattr(html, "ROOT", self.root)
        monkeypatch.setattr(html, "chapters", lambda: self.chapters)
        monkeypatch.setattr(html, "stale", self._stale)
        monkeypatch.setattr(html, "execute", self._execute)
        monkeypatch.setattr(html, "fingerprint", lambda path, profile: f"{profile}{path.read_text(encoding='utf-8')}")
        book = self

        def sphinx(self: Builder, html: Path, doctrees: Path, **how: Any) -> str:
            self._mirror()
            book.log.append("first" if how.get("first") else "strict" if how.get("strict") else "pass")
            html.mkdir(parents=True, exist_ok=True)
            pages = {path.stem: PENDING not in path.read_text() for path in (self.source / "notebooks").glob("*")}
            (html / "index.html").write_text(json.dumps(pages), encoding="utf-8")
            return book.sphinx({"builder": self, **how})

        monkeypatch.setattr(Builder, "_sphinx", sphinx)

    def _stale(self, notebooks: Sequence[Path], folder: Path, *, profile: str) -> dict[Path, str]:
        return {path: "" for path in notebooks if not (folder / path.name).exists()}

    def _execute(self, notebooks: Sequence[Path], folder: Path, **how: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        pending = list(self._stale(notebooks, folder, profile=how["profile"]))
        for number, path in enumerate(pending, start=1):
            while number > 1 and not self.held.wait(0.05):
                if how["stop"].is_set():
                    raise Stopped
            self.log.append(path.stem)
            if path.stem not in self.fails:
                (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
            how["report"](Finished(path, 4.0, self.fails.get(path.stem), number, len(pending)))

    def build(self, *, in_steps: bool = False) -> list[dict[str, bool]]:
        """Builds it, and returns what was shown: for each time, whether a chapter stood there with its results."""
        shown: list[dict[str, bool]] = []
        builder = Builder("cpu", self.out, self.said.append)
        if not builder.is_current():
            builder.build(
                lambda folder: shown.append(json.loads((folder / "index.html").read_text(encoding="utf-8"))),
                in_steps=in_steps,
            )
        return shown


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    return Book(tmp_path, monkeypatch)


def test_first_the_first_pages_then_every_page_then_all_results(book: Book) -> None:
    book.held.clear()

    def sphinx(_: dict[str, Any]) -> str:
        if book.log[-1] == "pass":
            book.held.set()  # the other chapters are executed after every page was built without them
        return ""

    book.sphinx = sphinx
    shown = book.build(in_steps=True)
    assert book.log == ["00_a", "first", "pass", "01_b", "02_c", "strict"]
    waiting = {"00_a": True, "01_b": False, "02_c": False}
    assert shown == [waiting, waiting, dict.fromkeys(waiting, True)]


def test_progress_names_the_chapter_its_seconds_and_what_is_left(book: Book) -> None:
    book.build()
    assert book.said[0].startswith("executing 3 notebooks on ")
    assert [line.partition("; ")[0] for line in book.said[1:]] == [
        " 1/3  00_a: 4 s",
        " 2/3  01_b: 4 s",
        " 3/3  02_c: 4 s",
    ]
    assert all("about" in line and "left" in line for line in book.said[1:3])
    assert book.said[3].endswith("all executed")


def test_a_second_build_does_nothing_and_an_edit_builds_pages_only(book: Book) -> None:
    book.build()
    assert book.log == ["00_a", "01_b", "02_c", "strict"]
    assert book.build() == [] and len(book.log) == 4
    (book.root / "book" / "index.md").write_text("edited", encoding="utf-8")
    shown = book.build(in_steps=True)
    assert book.log[4:] == ["strict"]
    assert len(shown) == 2, "the earlier book until the new one stands, then that"


def test_a_failing_chapter_is_named_and_the_rest_is_built(book: Book) -> None:
    book.fails = {"01_b": "notebooks/01_b.ipynb, cell 3: KeyError: 'missing'\n\ntrace"}
    with pytest.raises(NotebookFailed, match=r"01_b\.ipynb, cell 3: KeyError"):
        book.build()
    assert book.log == ["00_a", "01_b", "02_c", "pass"]
    pages = json.loads((book.out / "html" / "index.html").read_text(encoding="utf-8"))
    assert pages == {"00_a": True, "01_b": False, "02_c": True}
    notebook = json.loads((book.out / "source" / "notebooks" / "01_b.ipynb").read_text(encoding="utf-8"))
    assert notebook["metadata"][PENDING] == {
        "reason": "This page shows no results: it failed in cell 3: KeyError: 'missing'",
        "refresh": False,
    }
    assert any("FAILED: notebooks/01_b.ipynb, cell 3" in line for line in book.said)
    book.fails = {}
    book.build()
    assert book.log[4:] == ["01_b", "strict"], "the next build runs it again, and nothing else"


def test_an_interrupted_build_goes_on_where_it_was(book: Book) -> None:
    book.held.clear()

    def interrupted(_: dict[str, Any]) -> str:
        raise KeyboardInterrupt

    book.sphinx = interrupted
    with pytest.raises(KeyboardInterrupt):
        book.build(in_steps=True)
    assert book.log == ["00_a", "first"]
    assert not any(thread.name == "execution" for thread in threading.enumerate())
    book.held.set()
    how: list[Any] = []
    book.sphinx = lambda given: how.append(given.get("everything")) or ""  # type: ignore[func-returns-value]
    book.build()
    assert book.log[2:] == ["01_b", "02_c", "strict"]
    assert how == [True], "of pages that a killed build left nobody knows how old they are"


def test_a_warning_fails_the_build_and_is_repeated_by_the_next(book: Book) -> None:
    def complaint(_: dict[str, Any]) -> str:
        raise BuildFailed("book/index.md:1: WARNING: unknown")

    book.sphinx = complaint
    (book.out / ".doctrees").mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(BuildFailed, match="unknown"):
            book.build()
        assert not (book.out / ".doctrees").exists()
    assert book.log.count("strict") == 2


def test_an_error_before_all_is_executed_does_not_end_the_execution(book: Book) -> None:
    book.held.clear()

    def sphinx(_: dict[str, Any]) -> str:
        if book.log[-1] == "pass":
            book.held.set()
        if book.log[-1] != "strict":
            raise BuildFailed("an error of a page that is not executed yet")
        return ""

    book.sphinx = sphinx
    assert book.build(in_steps=True)[-1] == {"00_a": True, "01_b": True, "02_c": True}
    assert book.log == ["00_a", "first", "pass", "01_b", "02_c", "strict"]


def test_what_sphinx_complained_about_before_all_was_executed_is_read_again(book: Book) -> None:
    book.held.clear()
    times: list[int] = []

    def sphinx(given: dict[str, Any]) -> str:
        page = given["builder"].source / "book" / "index.md"
        times.append(page.stat().st_mtime_ns)
        book.held.set() if book.log[-1] == "pass" else None
        return f"{page}:3: WARNING: undefined label\n" if book.log[-1] == "pass" else ""

    book.sphinx = sphinx
    book.build(in_steps=True)
    assert times[0] == times[1] < times[2]
    source = book.out / "source"
    assert html._pages_in(f"{source}/book/a.md:7: WARNING: x\ntrlib/x.py:docstring: WARNING: y\nfine", source) == [
        "?",
        "book/a.md",
    ]


def test_the_build_of_an_older_layout_is_no_hindrance(book: Book) -> None:
    for name in ("executed/book/old.md", "executed/_toc.yml", "html/notebooks/old.html", "shown/1/index.html"):
        path = book.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old", encoding="utf-8")
    book.build()
    assert sorted(path.name for path in (book.out / "executed").iterdir()) == ["notebooks"]
    assert not (book.out / "shown").exists()


def test_a_page_that_was_removed_is_no_source_any_more(book: Book) -> None:
    extra = book.root / "book" / "extra.md"
    extra.write_text("# Extra", encoding="utf-8")
    book.build()
    assert (book.out / "source" / "book" / "extra.md").exists()
    extra.unlink()
    book.build()
    assert not (book.out / "source" / "book" / "extra.md").exists()


def test_a_page_is_told_from_a_file_that_shares_its_name(tmp_path: Path) -> None:
    for name in ("opening.json", "opening.md", "a.py", "a.ipynb", "trlib.loop.room.md"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    found = {page: pages._file(tmp_path, page).name for page in ("opening", "a", "trlib.loop", "data/new")}
    assert found == {"opening": "opening.md", "a": "a.ipynb", "trlib.loop": "trlib.loop.md", "data/new": "new.md"}
    assert (tmp_path / "trlib.loop.md").read_text() == "" and (tmp_path / "data/new.md").read_text() == ""
    assert (tmp_path / "opening.md").read_text() == "x"
