"""The figures that carry a page, as pictures in its source (`python -m book.build.write`).

    <!--figure basin-curves-->
    ![what it shows, in words](_static/recorded/basin-curves.svg)

    *Its caption.*
    <!--/figure-->

Whoever writes a page writes the two comments. The book puts the picture's own lines into the page,
in its font and colours (`book.build.ext.figures`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from book.build import quoted
from book.build.paths import ROOT
from book.build.printed import settled
from trbook.drawing import Drawing
from trbook.figures import STYLE, drawing
from trlab.drawing.recorded import draw as drawn
from trlab.drawing.recorded import figure

BOOK = ROOT / "book"
FOLDER = "_static/recorded"
STORED = re.compile(r"^<!--figure (\S+)-->\n.*?<!--/figure-->$", re.MULTILINE | re.DOTALL)
"""A recorded figure in a page's source."""


def drawings(text: str) -> Iterator[tuple[Path, Drawing]]:
    """The figures of a page's text, and where they are stored."""
    for name in sorted({match[1] for match in STORED.finditer(text)}):
        yield BOOK / FOLDER / f"{name}.svg", _drawing(name)


def stale(drawn: Iterable[tuple[Path, Drawing]]) -> Iterator[tuple[Path, str]]:
    """The files of pictures that are not as they would be drawn, and what they should hold; not those
    of which only last digits differ, as they do between processors."""
    for path, one in drawn:
        for file, now in one.files(path).items():
            before = file.read_text(encoding="utf-8").rstrip("\n") if file.exists() else ""
            if settled(before, now.rstrip("\n")) != before:
                yield file, now


@cache
def _drawing(name: str) -> Drawing:
    import matplotlib.pyplot as plt

    one = figure(name)
    with plt.style.context(STYLE):
        return drawing(drawn(one, *quoted.record(one.sweep)))


def stored(name: str, book: str = "") -> str:
    """A figure as a page's source has it.

    Args:
        book: the way from the page to the book's folder, where that is not its own.
    """
    one = figure(name)
    return (
        f"<!--figure {name}-->\n![{one.alt}]({book}{FOLDER}/{name}.svg)\n\n"
        f"*{one.text}*\n<!--/figure-->"
    )


def filled(text: str, book: str = "") -> str:
    """A page with its recorded figures as pictures with captions (`book` as of `stored`)."""
    return STORED.sub(lambda match: stored(match[1], book), text)
