"""`jupyter-book build .` by itself: what it shows as it is stored, and what it executes."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from sphinx.util.matching import get_matching_files

from book.build.ext import alone, stored
from book.build.paths import ROOT


def chapter(path, code, *, kept=False):
    """A notebook of one cell; `kept`: stored with its result."""
    cell = nbformat.v4.new_code_cell(code, id="c")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A", id="t"), cell])
    if kept:
        cell.outputs = [nbformat.v4.new_output("stream", text="1")]
        book.metadata[stored.KEY] = stored.fingerprints(book)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, path)
    return path


def test_a_chapter_is_stored_with_the_results_of_its_code_or_of_other_code(tmp_path):
    source = chapter(tmp_path / "a.ipynb", "print(1)", kept=True).read_text(encoding="utf-8")
    assert alone.is_stored(source)
    assert not alone.is_stored(source.replace("print(1)", "print(2)"))
    assert not alone.is_stored(chapter(tmp_path / "b.ipynb", "print(1)").read_text("utf-8"))


@pytest.mark.parametrize("prepared", [True, False])
def test_it_executes_what_has_no_results_unless_sources_are_prepared(
    tmp_path, prepared, monkeypatch
):
    monkeypatch.setenv("TRLIB_PROFILE", "smoke")
    for name in "ab":
        chapter(tmp_path / "notebooks" / f"{name}.ipynb", f"print('{name}')", kept=name == "b")
    mark = tmp_path / alone.COMPLETE
    mark.parent.mkdir()
    mark.write_text("{}", encoding="utf-8")
    config = SimpleNamespace(prepared=prepared, nb_execution_mode="off")
    app = SimpleNamespace(srcdir=str(tmp_path))
    alone.prepare(app, config)
    if prepared:
        assert config.nb_execution_mode == "off" and mark.exists()
    else:
        assert config.nb_execution_mode == "force" and not mark.exists()
        assert config.nb_execution_excludepatterns == ["notebooks/b.ipynb"]


TOC = """\
format: jb-book
root: book/claims
chapters:
  - file: book/methods/index
  - file: notebooks/03_trpo
  - file: notebooks/tasks_of_your_own
"""


@pytest.mark.nightly("executes a chapter and builds pages")
def test_the_command_of_jupyter_book_builds_figures_and_leaves_nothing_untracked(
    tmp_path,
):
    """In a clone with four pages: one chapter is stored with results, and one is executed."""
    copy, python = tmp_path / "clone", Path(sys.executable)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
    (copy / "_toc.yml").write_text(TOC, encoding="utf-8")
    config = copy / "_config.yml"
    whole = config.read_text(encoding="utf-8")
    four = whole.replace("only_build_toc_files: false", "only_build_toc_files: true")
    config.write_text(four, encoding="utf-8")
    assert four != whole
    (copy / "book" / "moved.yml").write_text("{}\n", encoding="utf-8")  # to pages left out here
    places = [str(copy / name) for name in ("", "book")]
    done = subprocess.run(
        [str(python.with_name("jupyter-book")), "build", "."],
        cwd=copy,
        env={**os.environ, "TRLIB_PROFILE": "smoke", "PYTHONPATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    pages = copy / "_build/html/notebooks"
    kept = (pages / "03_trpo.html").read_text(encoding="utf-8")
    assert "With the results that are stored with it." in kept
    assert 'data-explorable="natural_gradient"' in kept
    assert not re.search(r'<img [^>]*alt="Natural gradient:', kept), "the still that it replaces"
    assert re.search(r'<img [^>]*alt="The loop, rollout', kept), (
        "any other picture says what it shows"
    )
    page = (pages / "tasks_of_your_own.html").read_text(encoding="utf-8")
    assert "Executed with this page." in page and page.count("cell_output") > 3
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    left = subprocess.run(status, cwd=copy, capture_output=True, text=True, check=True).stdout
    assert left.split("\n") == [" M _config.yml", " M _toc.yml", " M book/moved.yml", ""]


def test_only_pages_of_the_book_are_read():
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert settings["only_build_toc_files"] is False, "then every page that is not excluded is read"
    read = set(get_matching_files(ROOT, ("**.md", "**.ipynb"), settings["exclude_patterns"]))
    outside = {path for path in read if not path.startswith(("book/", "notebooks/"))}
    assert outside == set() and "book/index.md" in read
    assert not any(path.endswith("README.md") for path in read)
