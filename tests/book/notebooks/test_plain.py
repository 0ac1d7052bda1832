"""A chapter reads well without the book: rendered by nbconvert, no directive, role or label is left
as raw text."""

import html
import re
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("*.ipynb"))
RAW = {
    "a directive": r":::|```\s*\{|\{(?:note|admonition|figure|math|code-cell|tableofcontents)\}",
    "a role": r"\{[a-z][a-z:+-]*\}`",
    "a target": r"(?m)^\s*\([\w-]+\)=\s*$",
    "a label outside of a formula": r"\$\$\s*\([\w-]+\)",
}


def prose(notebook):
    """The text that a reader of the rendered page sees, code cells and their outputs apart."""
    page = nbformat.from_dict(
        {**notebook, "cells": [c for c in notebook.cells if c.cell_type == "markdown"]}
    )
    body, _ = HTMLExporter(template_name="basic").from_notebook_node(page)
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</?code[^>]*>", "`", body)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_raw_is_left_in_plain_jupyter(path):
    text = prose(nbformat.read(path, as_version=4))
    assert len(text) > 500
    for what, pattern in RAW.items():
        found = re.search(pattern, text)
        assert found is None, (
            f"{path.name}: {what}: {text[found.start() - 40 : found.end() + 40]!r}"
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_is_read_by_a_relative_path(path):
    code = "\n".join(
        c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"
    )
    found = re.search(
        r"""(?:open|read_csv|read_parquet|read_json|Path|load|imread)\(\s*["'](?![/~])[^"']*[./]""",
        code,
    )
    assert found is None, f"{path.name}: {found.group()!r}"
