"""The book's Sphinx extension: everything this book needs that Jupyter Book does not do.

`mathematics` draws formulas with the vendored KaTeX; `links` ties them to the code and the code to
them; `terms` explains a word where it stands; `pages` keeps pages small and accessible; `head`
describes them to search engines, at the `address` that `_config.yml` sets, with the `previews` that
links to them show; `search` makes the index
of the book's own search; `phone_tables` makes every table readable on a phone, `line_breaks` says
where a line may break; `security` says what a page may load and run; `execution` says when, where and
with which versions a notebook ran; `cards` puts what is computed on methods' pages, `made` makes a page
of a source that reads well by itself; `modules` makes the interface's pages; `figures` draws the
pictures of a page's source in the page, `explorables` puts those that run on pages that are no notebooks; `docstrings` turns the package's docstrings into sound markup and links outside names;
`stored` shows notebooks as they are stored, and `wheel` puts the package beside them; `log` puts the
place for a training log on the page of questions; `questions` gives each question a page; `contents` says what the sidebar shows and which
page comes next. `preview` lets tests and the report build a few pages in seconds: of all others it reads
only the titles.
"""

from __future__ import annotations

import gc
import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from trlab.provenance import cores

PARTS = (
    "address",
    "mathematics",
    "line_breaks",
    "links",
    "pages",
    "security",
    "stored",
    "execution",
    "cards",
    "made",
    "modules",
    "figures",
    "docstrings",
    "terms",
    "explorables",
    "preview",
    "previews",
    "head",
    "log",
    "contents",
    "annex",
    "search",
    "questions",
    "wheel",
)
"""The modules that connect to Sphinx, in the order in which their handlers run."""


def setup(app: Sphinx) -> dict[str, Any]:
    for name in PARTS:
        import_module(f"{__name__}.{name}").connect(app)
    app.connect("env-before-read-docs", read_in_parallel)
    app.connect("builder-inited", on_every_core)
    # A book is millions of objects that stay. Looking through them for garbage again and again
    # takes a fifth of a pass.
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    # Sphinx notices neither: a change in this package makes it read every page again, a change in
    # the assets makes it write every page again.
    here = Path(__file__).parent
    book = here.parents[1]
    app.add_config_value("assets_digest", _digest(book / "_static", book / "_templates"), "html")
    return {
        "version": "1",
        "env_version": _digest(here),
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }


def read_in_parallel(app: Sphinx, *_: object) -> None:
    """Two extensions of Jupyter Book do not say whether pages may be read in parallel, which Sphinx
    takes for a no.

    One has to do with LaTeX only; the other numbers sections after all pages were read.
    """
    for name in ("sphinx_jupyterbook_latex", "sphinx_multitoc_numbering"):
        if name in app.extensions:
            app.extensions[name].parallel_read_safe = True


def on_every_core(app: Sphinx) -> None:
    """Reads and writes pages on every core, which Jupyter Book's command does not offer. A few pages
    quote the same records: one process that remembers them is as soon done as several."""
    if not app.config.first_pages:
        app.parallel = cores()


def _digest(*folders: Path) -> int:
    files = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )
    return int.from_bytes(
        hashlib.blake2b(b"".join(path.read_bytes() for path in files), digest_size=4).digest()
    )
