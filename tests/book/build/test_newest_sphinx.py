"""The pages without Jupyter Book 1, which holds Sphinx below 8: the configuration that it makes of
`_config.yml`, given to the newest Sphinx, theme and myst-nb."""

import os
import subprocess
import venv
from pathlib import Path

import pytest

from book.build.paths import ROOT

NEWEST = ("sphinx", "sphinx-book-theme", "pydata-sphinx-theme", "myst-nb", "myst-parser")
PAGES = (
    "book/index.md",
    "book/playground.md",
    "book/methods/dppo.md",
    "book/interface/losses.md",
    "notebooks/00_quickstart.ipynb",
)
UNREAD = "myst.domains,myst.xref_missing,ref.eq"
"""What links to pages of which only the title is read says."""


@pytest.mark.nightly("makes an environment and builds pages in it")
def test_the_newest_sphinx_builds_pages_without_a_warning(tmp_path):
    import jupyter_book
    from jupyter_book.config import get_final_config

    toc = {"external_toc_path": f"{ROOT}/_toc.yml", "latex_individualpages": False}
    config, _ = get_final_config(user_yaml=ROOT / "_config.yml", sourcedir=ROOT, cli_config=toc)
    lines = (f"{name} = {value!r}\n" for name, value in config.items())
    (tmp_path / "conf.py").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "book").symlink_to(ROOT / "book")  # paths in it count from where it lies
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", *NEWEST], check=True)
    (site,) = (tmp_path / "venv").glob("lib/python3*/site-packages")
    others = str(Path(jupyter_book.__file__).parents[1])
    (site / "others.pth").write_text(f"import site; site.addsitedir({others!r})\n")
    first = ",".join(page.rpartition(".")[0] for page in PAGES)
    built = subprocess.run(
        [
            *(python, "-m", "sphinx", "-W", "--keep-going", "-c", tmp_path),
            *("-d", tmp_path / "trees", "-D", f"first_pages={first}"),
            *("-D", f"suppress_warnings={UNREAD}", ROOT, tmp_path / "html", *PAGES),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'book'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0 and "RemovedInSphinx" not in built.stderr, built.stderr[-3000:]
    static = tmp_path / "html" / "_static"
    assert "Stemmer = EnglishStemmer" in (static / "stemmer.js").read_text(encoding="utf-8")
    theme = (static / "scripts" / "pydata-sphinx-theme.js").read_text(encoding="utf-8")
    assert '"#nothing"' in theme, "the selector that `book.build.ext.pages` replaces is another"
