"""The book's Sphinx extension: everything this book needs that Jupyter Book does not do.

`mathematics` draws formulas with the vendored KaTeX; `pages` keeps pages small and accessible; `execution` says
when, where and with which versions a notebook ran; `tables` makes the tables that are read off the package;
`docstrings` turns the package's docstrings into sound markup and links outside names.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from bookext import docstrings, execution, mathematics, pages, tables


def setup(app: Sphinx) -> dict[str, Any]:
    for part in (mathematics, pages, execution, tables, docstrings):
        part.connect(app)
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    # A change in this package makes Sphinx read every page again.
    version = int.from_bytes(hashlib.blake2b(sources, digest_size=4).digest())
    return {"version": "1", "env_version": version, "parallel_read_safe": True, "parallel_write_safe": True}
