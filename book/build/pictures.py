"""Store the figures that carry a page as pictures, so that the page can be read without a build.

    python -m book.build.pictures           # after a record, a figure or a caption has changed

A page shows a recorded figure with a picture that Markdown knows, between two comments:

    <!--figure basin-curves-->
    ![what it shows, in words](_static/recorded/basin-curves.svg)

    *Its caption.*
    <!--/figure-->

Whoever writes a page may write the directive alone, `{recorded-figure} basin-curves`, with a caption
of its own below it or none; this command turns it into that. The build draws the figure anew, in the
page's font and colours.
"""

from __future__ import annotations

import re
import sys

import matplotlib as mpl

from book.build.ext import quoted
from book.build.ext.sweeps import STORED
from book.build.paths import ROOT
from trlab.drawing.figure import INK
from trlab.drawing.figure_registry import figure
from trlab.drawing.recorded import draw

BOOK = ROOT / "book"
PAGES = ("purpose", "report", "wrong", "recorded", "questions", "distillation")
FOLDER = "_static/recorded"
DIRECTIVE = re.compile(r"^```\{recorded-figure\} (\S+)\n(.*?)```$", re.MULTILINE | re.DOTALL)
PAPER, BLACK = "#ffffff", "#1b1f24"


def picture(name: str) -> str:
    """Draw a figure into its file; what it shows, in a few words: its caption says the rest."""
    one = figure(name)
    drawing = draw(one, *quoted.record(one.sweep))
    file = BOOK / FOLDER / f"{name}.svg"
    file.parent.mkdir(exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        drawing.figure.savefig(file, metadata={"Date": None, "Creator": None}, facecolor=PAPER)
    text = re.sub(r"[ \t]+$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    file.write_text(text.replace(INK, BLACK), encoding="utf-8")
    return re.split(r"[.:] ", drawing.alt)[0]


def stored(name: str, caption: str) -> str:
    """A figure as a page's source has it."""
    own = f" {caption}" if caption else ""
    alt = re.sub(r"([\[\]])", r"\\\1", " ".join(picture(name).split()))
    return (
        f"<!--figure {name}{own}-->\n![{alt}]({FOLDER}/{name}.svg)\n\n"
        f"*{caption or figure(name).text}*\n<!--/figure-->"
    )


def main() -> int:
    for page in PAGES:
        path = BOOK / f"{page}.md"
        text = path.read_text(encoding="utf-8")
        new = DIRECTIVE.sub(lambda found: stored(found[1], " ".join(found[2].split())), text)
        new = STORED.sub(lambda found: stored(found[1], (found[2] or "").strip()), new)
        if new != text:
            path.write_text(new, encoding="utf-8")
            print(f"{page}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
