"""Between a prediction and its answer stands the reader's choice: a fold, a hidden cell, or a
widget that asks."""

import json
import re

import pytest

from book.build.paths import chapters

ASKED = re.compile(r"\*\*Predict[.:]\*\*")
FOLD = re.compile(r"\s*<details")
HEADING = re.compile(r"^#", re.MULTILINE)
HIDDEN = {"hide-cell", "hide-output"}
CHOICES = re.compile(r"(?:\s*\d\. [^\n]+\n?)+")
"""What may be chosen from, as a numbered list."""


def text(cell):
    return "".join(cell["source"])


def asks(cell):
    """Whether a cell shows a widget, which asks its own question and keeps the answer."""
    return cell["cell_type"] == "code" and "trbook.explorables import" in text(cell)


def predictions(path):
    """Of every prediction: where it stands, what its cell says after it, and the cells that follow."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [
        (
            f"{path.stem}, {cell['id']}",
            text(cell)[asked.end() :].partition("\n\n")[2],
            cells[i + 1 :],
        )
        for i, cell in enumerate(cells)
        if cell["cell_type"] == "markdown"
        for asked in ASKED.finditer(text(cell))
    ]


EVERY = [one for path in chapters() for one in predictions(path)]


def first_told(rest, following):
    """What tells first after a prediction: the cell's own text, or the id of a cell; empty if the
    reader opens it."""
    rest = CHOICES.sub("", rest, count=1)
    if rest.strip():
        return "" if FOLD.match(rest) else rest.strip()[:60]
    hidden = False
    for cell in following:
        tags = set(cell["metadata"].get("tags", []))
        if cell["cell_type"] == "markdown":
            return (
                ""
                if FOLD.match(text(cell)) or (hidden and HEADING.match(text(cell)))
                else text(cell)[:60]
            )
        if asks(cell) or "exercise" in tags:
            return ""
        if tags & HIDDEN:
            hidden = True
        elif "remove-cell" not in tags and cell["outputs"]:
            return cell["id"]
    return ""


@pytest.mark.parametrize("where, rest, following", EVERY, ids=[where for where, *_ in EVERY])
def test_the_choice_stands_before_the_answer(where, rest, following):
    assert first_told(rest, following) == "", f"{where}: this tells before the reader has chosen"
