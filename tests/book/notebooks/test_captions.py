"""A figure's caption stands below it wherever a notebook is read, and the built page ties the two."""

from itertools import pairwise

import nbformat
import pytest

from book.build.ext.figures import caption
from book.build.ext.stored import unpacked
from book.build.paths import chapters
from trbook.explorables.files import PAGE

LINE = pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def figures(cell):
    """The outputs of a cell that hold a drawing."""
    for output in cell.get("outputs", ()):
        held = output.get("data", {}).get(PAGE, {})
        if held and "explorable" not in held and "trlib-drawing" in unpacked(held):
            yield output


@LINE
def test_every_figure_has_its_caption_in_the_next_cell(path):
    cells = read(path)["cells"]
    for number, (cell, below) in enumerate(zip(cells, [*cells[1:], None], strict=True), 1):
        where = f"cell {number} ({cell['id']})"
        assert "figure" not in cell["metadata"].get("mystnb", {}), f"{where}: in its metadata"
        if not list(figures(cell)):
            continue
        assert below and caption(below), f"{where}: the next cell is no caption, *like this*"
        # Each of a cell's results would bear the caption and the name, and a strict build ends.
        shown = [one for one in cell["outputs"] if one["output_type"] != "stream"]
        assert len(shown) == 1, where
        folded = "trlib-answer" in shown[0]["data"].get("text/html", "")
        assert folded == below["source"].startswith("<details>"), f"{where}: an answer stays closed"


@LINE
def test_no_caption_is_without_a_figure(path):
    cells = read(path)["cells"]
    for above, cell in pairwise(cells):
        assert not caption(cell) or list(figures(above)), cell["id"]
