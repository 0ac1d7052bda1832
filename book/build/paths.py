"""Where things are, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build"
NOTEBOOKS = ROOT / "notebooks"
ANNEX = ("trcheck", "book/check", "book/_static/diagnose")
"""What checks other people's runs and libraries: a copy of the repository may lack all three."""
ANNEXED = (ROOT / ANNEX[0]).is_dir()
"""Whether this copy has them."""


def config() -> dict[str, Any]:
    """The book's settings."""
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def contents() -> dict[str, str]:
    """Every page that the table of contents names, in its order, without a suffix
    (`notebooks/05_grpo`), and the title that it has there; empty: the page's own."""
    from sphinx_external_toc.parsing import parse_toc_yaml  # tests of the package need no Sphinx

    listed = parse_toc_yaml(ROOT / "_toc.yml")
    return {
        page: entry.title or ""
        for page, entry in listed.items()
        if ANNEXED or not page.startswith(ANNEX)
    }


def source(page: str) -> Path:
    """The file of a page. Other files lie beside them, and a module's name holds dots of its own.

    Raises:
        FileNotFoundError: there is none.
    """
    for suffix in (".md", ".ipynb"):
        path = ROOT / f"{page}{suffix}"
        if path.exists():
            return path
    raise FileNotFoundError(f"page: expected one such as book/report, got {page!r}")


def chapters() -> list[Path]:
    """The notebooks that the table of contents names, in its order."""
    return [source(name) for name in contents() if name.startswith("notebooks/")]
