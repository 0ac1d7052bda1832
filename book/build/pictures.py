"""The figures that carry a page, as pictures in its source (`python -m book.build.write`).

    <!--figure basin-curves-->
    ![what it shows, in words](_static/recorded/basin-curves.svg)

    *Its caption.*
    <!--/figure-->

Whoever writes a page may write the directive alone, `{recorded-figure} basin-curves`, with a caption
of its own below it or none. The book puts the picture's own lines into the page, in its font and
colours (`book.build.ext.figures`).
"""

from __future__ import annotations

import re
from functools import cache

from book.build import quoted
from book.build.paths import ROOT
from trlab.drawing import Drawing
from trlab.drawing.figure_registry import figure
from trlab.drawing.recorded import draw as drawn

BOOK = ROOT / "book"
FOLDER = "_static/recorded"
DIRECTIVE = re.compile(r"^```\{recorded-figure\} (\S+)\n(.*?)```$", re.MULTILINE | re.DOTALL)
STORED = re.compile(r"^<!--figure (\S+)( .+?)?-->\n.*?<!--/figure-->$", re.MULTILINE | re.DOTALL)
"""A recorded figure in a page's source: its name, a caption of its own, and the picture."""


def draw(text: str) -> None:
    """Draws the figures of a page's text into their files."""
    for name in {found[1] for form in (DIRECTIVE, STORED) for found in form.finditer(text)}:
        file = BOOK / FOLDER / f"{name}.svg"
        file.parent.mkdir(exist_ok=True)
        _drawing(name).save(file, narrow=True)


@cache
def _drawing(name: str) -> Drawing:
    one = figure(name)
    return drawn(one, *quoted.record(one.sweep))


def stored(name: str, caption: str, book: str = "") -> str:
    """A figure as a page's source has it.

    Args:
        book: the way from the page to the book's folder, where that is not its own.
    """
    own = f" {caption}" if caption else ""
    # What it shows, in a few words: its caption says the rest.
    alt = " ".join(re.split(r"[.:] ", _drawing(name).alt)[0].split())
    alt = re.sub(r"([\[\]])", r"\\\1", alt)
    return (
        f"<!--figure {name}{own}-->\n![{alt}]({book}{FOLDER}/{name}.svg)\n\n"
        f"*{caption or figure(name).text}*\n<!--/figure-->"
    )


def filled(text: str, book: str = "") -> str:
    """A page with its recorded figures as pictures with captions (`book` as of `stored`)."""
    text = DIRECTIVE.sub(lambda found: stored(found[1], " ".join(found[2].split()), book), text)
    return STORED.sub(lambda found: stored(found[1], (found[2] or "").strip(), book), text)
