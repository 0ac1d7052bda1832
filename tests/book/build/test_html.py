"""How the book is built: what comes first, what is said, what an interruption and a failure leave.
Sphinx and the kernels are stand-ins here; `tests/book/browser` builds the real pages."""

import json
import threading

import nbformat
import pytest

from book.build import html, pages
from book.build.execute import Finished, NotebookFailed
from book.build.html import PENDING, Builder, BuildFailed


class Kept:
    """Results that lie in a folder."""

    def __init__(self, folder, profile):
        self.folder, self.key = folder, profile

    def has(self, path):
        return (self.folder / path.name).exists()

    def of(self, path):
        return (
            json.loads((self.folder / path.name).read_text(encoding="utf-8"))
            if self.has(path)
            else None
        )


class Book:
    """A book of three notebooks, whose execution and whose pages are stand-ins that note what is
    done."""

    def __init__(self, folder, monkeypatch):
        self.root, self.out = folder / "root", folder / "_build"
        (self.root / "book").mkdir(parents=True)
        (self.root / "notebooks").mkdir()
        for name in ("_config.yml", "_toc.yml", "book/index.md"):
            (self.root / name).write_text(name, encoding="utf-8")
        self.chapters = [
            self.root / "notebooks" / f"{name}.ipynb" for name in ("00_a", "01_b", "02_c")
        ]
        for path in self.chapters:
            nbformat.write(
                nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# {path.stem}")]),
                path,
            )
        self.log = []
        self.said = []
        self.fails = {}
        self.held = threading.Event()
        self.held.set()
        self.sphinx = lambda _: None
        monkeypatch.setattr(html, "ROOT", self.root)
        monkeypatch.setattr(html, "chapters", lambda: self.chapters)
        monkeypatch.setattr(html, "Results", Kept)
        monkeypatch.setattr(html, "execute", self._execute)
        book = self

        def sphinx(self, html, doctrees, *options):
            self._mirror()
            book.log.append(
                "first" if "--first" in options else "strict" if "--strict" in options else "pass"
            )
            html.mkdir(parents=True, exist_ok=True)
            pages = {
                path.stem: PENDING not in path.read_text()
                for path in (self.source / "notebooks").glob("*")
            }
            (html / "index.html").write_text(json.dumps(pages), encoding="utf-8")
            book.sphinx(options)

        monkeypatch.setattr(Builder, "_sphinx", sphinx)

    def _execute(self, notebooks, folder, *, report, **_):
        folder.mkdir(parents=True, exist_ok=True)
        pending = [path for path in notebooks if not (folder / path.name).exists()]
        for number, path in enumerate(pending, start=1):
            if number > 1 and not self.held.wait(60):
                raise NotebookFailed({path: f"{path.name}: was not run to its end"})
            self.log.append(path.stem)
            if path.stem not in self.fails:
                (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
            report(Finished(path, 4.0, self.fails.get(path.stem), number, len(pending)))
        if failures := {path: self.fails[path.stem] for path in pending if path.stem in self.fails}:
            raise NotebookFailed(failures)

    def build(self, *, served=False):
        """Builds it, and returns what was shown: for each time, whether a chapter stood there with
        its results."""
        shown = []

        def show(folder):
            shown.append(json.loads((folder / "index.html").read_text(encoding="utf-8")))

        html.build("cpu", self.out, self.said.append, show if served else None)
        return shown


@pytest.fixture
def book(tmp_path, monkeypatch):
    return Book(tmp_path, monkeypatch)


def test_first_the_first_pages_then_all_of_them(book):
    book.held.clear()
    book.sphinx = lambda _: (
        book.held.set()
    )  # the other chapters are executed after the first pages were built
    shown = book.build(served=True)
    assert book.log == ["00_a", "first", "01_b", "02_c", "strict"]
    waiting = {"00_a": True, "01_b": False, "02_c": False}
    assert shown == [waiting, dict.fromkeys(waiting, True)]


def test_a_second_build_does_nothing_and_an_edit_builds_pages_only(book):
    book.build()
    assert book.log == ["00_a", "01_b", "02_c", "strict"]
    book.build()
    assert len(book.log) == 4
    (book.root / "book" / "index.md").write_text("edited", encoding="utf-8")
    shown = book.build(served=True)
    assert book.log[4:] == ["strict"]
    assert len(shown) == 2, "the earlier book until the new one stands, then that"


def test_a_failing_chapter_is_named_and_the_rest_is_built(book):
    book.fails = {"01_b": "notebooks/01_b.ipynb, cell 3: KeyError: 'missing'\n\ntrace"}
    with pytest.raises(NotebookFailed, match=r"01_b\.ipynb, cell 3: KeyError"):
        book.build()
    assert book.log == ["00_a", "01_b", "02_c", "pass"]
    pages = json.loads((book.out / "html" / "index.html").read_text(encoding="utf-8"))
    assert pages == {"00_a": True, "01_b": False, "02_c": True}
    notebook = json.loads(
        (book.out / "source" / "notebooks" / "01_b.ipynb").read_text(encoding="utf-8")
    )
    assert (
        notebook["metadata"][PENDING] == "This page shows no results: cell 3: KeyError: 'missing'"
    )
    assert any("FAILED: notebooks/01_b.ipynb, cell 3" in line for line in book.said)
    book.fails = {}
    book.build()
    assert book.log[4:] == ["01_b", "strict"], "the next build runs it again, and nothing else"


def test_an_interrupted_build_goes_on_where_it_was(book):
    def interrupted(_):
        raise KeyboardInterrupt

    book.sphinx = interrupted
    with pytest.raises(KeyboardInterrupt):
        book.build()
    assert book.log == ["00_a", "01_b", "02_c", "strict"]
    how = []
    book.sphinx = how.append
    book.build()
    assert book.log[4:] == ["strict"]
    assert "--all" in how[0], "of pages that a killed build left nobody knows how old they are"


def test_a_warning_fails_the_build_and_is_repeated_by_the_next(book):
    def complaint(_):
        raise BuildFailed("book/index.md:1: WARNING: unknown")

    book.sphinx = complaint
    (book.out / ".doctrees").mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(BuildFailed, match="unknown"):
            book.build()
        assert not (book.out / ".doctrees").exists()
    assert book.log.count("strict") == 2


def test_an_unknown_profile_is_named_before_anything_is_built(book, monkeypatch, capsys):
    monkeypatch.setenv("TRLIB_PROFILE", "smoek")
    assert html.main([]) == 2
    said = (
        "TRLIB_PROFILE or --profile: expected one of cpu, gpu, smoke, got 'smoek'; did you "
        "mean 'smoke'?"
    )
    assert capsys.readouterr().err == f"book: {said}\n"
    assert not book.log


def test_a_page_that_was_removed_is_no_source_any_more(book):
    extra = book.root / "book" / "extra.md"
    extra.write_text("# Extra", encoding="utf-8")
    book.build()
    assert (book.out / "source" / "book" / "extra.md").exists()
    extra.unlink()
    book.build()
    assert not (book.out / "source" / "book" / "extra.md").exists()


def test_a_page_is_told_from_a_file_that_shares_its_name(tmp_path):
    for name in ("opening.json", "opening.md", "a.py", "a.ipynb", "trlib.loop.memory_check.md"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    found = {
        page: pages._file(tmp_path, page).name
        for page in ("opening", "a", "trlib.loop", "data/new")
    }
    assert found == {
        "opening": "opening.md",
        "a": "a.ipynb",
        "trlib.loop": "trlib.loop.md",
        "data/new": "new.md",
    }
    assert (tmp_path / "trlib.loop.md").read_text() == "" and (
        tmp_path / "data/new.md"
    ).read_text() == ""
    assert (tmp_path / "opening.md").read_text() == "x"


def test_where_nothing_can_be_written_the_build_ends_with_a_sentence(tmp_path, monkeypatch, capsys):
    """A folder that cannot be made, as in a checkout that only can be read."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(html, "BUILD", tmp_path / "file" / "_build")
    monkeypatch.setattr(
        html.signal, "signal", lambda number, handler: None
    )  # of this process: other tests' too
    assert html.main([]) == 1
    said = capsys.readouterr().err
    assert (
        said.startswith("book: failed: ")
        and str(tmp_path / "file" / "_build") in said
        and said.count("\n") == 1
    )
