"""What stands in a figure and points at a place of it: words that cover no curve and no other words,
in the drawing for a wide page and in that for a phone. No curve runs through the name of a line."""

import ast
import html
import json
import re
from itertools import pairwise

import pytest

from book.build.ext.stored import code_cells, unpacked
from book.build.paths import chapters
from trbook.explorables.files import PAGE

TEXT = re.compile(
    r'<text style="([^"]*)" (?:x="|transform="translate\()([\d.-]+)(?:" y="| )([\d.-]+)(?:"|\)")>([^<]+)</text>'
)
"""Upright ones: the title of an axis is turned."""
CURVE = re.compile(r'<path d="M ([^"A-LN-Z]*)" clip-path="[^"]*" style="fill: none; [^"]*stroke:')
WIDE, HIGH, DEEP = 0.5, 0.7, 0.15
"""Of a letter, over the size of its font: what it is wide on average, and reaches up and down."""


def words_of(source):
    """The lines of what a cell's figure says with `note`."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "note":
            yield from call.args[1].value.splitlines()


def names_of(source):
    """The names that a cell gives to lines, which stand at their ends."""
    for call in ast.walk(ast.parse(source)):
        for given in getattr(call, "keywords", ()):
            if given.arg == "label" and isinstance(given.value, ast.Constant):
                yield given.value.value


def annotated():
    for path in chapters():
        for cell in code_cells(json.loads(path.read_text(encoding="utf-8"))).values():
            source = "".join(cell["source"])
            if " note(" in source or "\nnote(" in source:
                yield pytest.param(cell, id=f"{path.stem}: {next(words_of(source))}")


def boxes(drawing):
    """Every text of a drawing, and the box that it takes at least."""
    for style, x, y, text in TEXT.findall(drawing):
        size = float(re.search(r"font-size: ([\d.]+)px", style)[1])
        text, x, y = html.unescape(text), float(x), float(y)
        wide = WIDE * size * len(text)
        left = x - wide * (0.5 if "middle" in style else "anchor: end" in style)
        yield text, (left, y - HIGH * size, left + wide, y + DEEP * size)


def meet(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def covered(drawing, box):
    """Whether a curve runs through a box."""
    for path in CURVE.findall(drawing):
        numbers = [float(number) for number in path.replace("M", " ").split()]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        for (a, b), (c, d) in pairwise(points):
            steps = 1 + int(max(abs(c - a), abs(d - b)))
            for k in range(steps + 1):
                x, y = a + (c - a) * k / steps, b + (d - b) * k / steps
                if box[0] < x < box[2] and box[1] < y < box[3]:
                    return True
    return False


@pytest.mark.parametrize("cell", annotated())
def test_words_in_a_figure_cover_no_curve_and_no_other_words(cell):
    lines, names = list(words_of("".join(cell["source"]))), [*names_of("".join(cell["source"]))]
    shown = [output["data"][PAGE] for output in cell["outputs"] if PAGE in output.get("data", {})]
    drawings = [part for one in shown for part in unpacked(one).split('class="drawn')[1:]]
    assert len(drawings) == 2, "a wide one and a narrow one"
    for drawing in drawings:
        every = list(boxes(drawing))
        own = [(text, box) for text, box in every if text in lines]
        assert len(own) == len(lines)
        crossed = [text for text, box in every if text in names and covered(drawing, box)]
        assert crossed == [], "a curve runs through the name of a line"
        for text, box in own:
            assert not covered(drawing, box), f"{text}: a curve runs through it"
            others = [other for other, place in every if other not in lines and meet(box, place)]
            assert others == [], text
