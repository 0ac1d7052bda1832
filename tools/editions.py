"""Puts the editions that exist beside the built pages and links to them there: `python -m tools.editions`.

A page that has `{editions} pdf` or `{editions} slides` shows nothing as long as there is no PDF, and no deck. To
publish, run this last, after `make html`, `make pdf`, `make epub` and `make slides`; run twice, it does the same.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tools import epub
from tools.paths import BUILD
from tools.pdf_print import PAPERS
from tools.slides import numbered

MARK = re.compile(r'<div class="editions" data-of="(\w+)"(?: hidden)?>.*?</div>', re.DOTALL)
PDFS = {paper: f"trust-region-book-{paper}.pdf" for paper in PAPERS}
SAID = {"a4": "A4", "letter": "letter"}


def publish(folder: Path, made: Path) -> list[str]:
    """Copies what there is of PDFs, EPUB and decks into the built book, and links to it; the names of what it found.

    Args:
        folder: the built pages.
        made: where `make pdf`, `make epub` and `make slides` have written.

    Raises:
        FileNotFoundError: there is no book in `folder`.
    """
    if not (folder / "index.html").exists():
        raise FileNotFoundError(f"{folder}: no book here; `make html` builds it")
    whole = [*PDFS.values(), epub.NAME]
    found = [name for name in whole if (made / name).exists()]
    decks = [f"slides/{chapter}.{kind}" for chapter in numbered() for kind in ("html", "pdf")]
    found += [name for name in decks if (made / name).exists()]
    for name in [*whole, *decks]:
        (folder / name).unlink(missing_ok=True)
    for name in found:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(made / name, folder / name)
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if 'class="editions"' in text:
            home = "../" * (len(page.relative_to(folder).parts) - 1)
            shown = MARK.split(text)  # text and kinds in turn
            shown[1::2] = [linked(kind, found, home) for kind in shown[1::2]]
            page.write_text("".join(shown), encoding="utf-8")
    return found


def linked(kind: str, found: Sequence[str], home: str) -> str:
    """What stands on a page that asks for the editions of a kind; `home` leads from the page to the book's folder."""
    lines = []
    if kind == "pdf":
        papers = [f'<a href="{home}{PDFS[paper]}">{SAID[paper]}</a>' for paper in PAPERS if PDFS[paper] in found]
        said = [f"as a PDF: {' or '.join(papers)}"] if papers else []
        said += [f'as an <a href="{home}{epub.NAME}">EPUB</a>'] if epub.NAME in found else []
        lines = [f"<p>The whole book {'; '.join(said)}.</p>"] if said else []
    if kind == "slides":
        of = {name: [kind for kind in ("html", "pdf") if f"slides/{name}.{kind}" in found] for name in numbered()}
        shown = [
            f"{escape(number)} ("
            + ", ".join(f'<a href="{home}slides/{name}.{kind}">{kind.upper()}</a>' for kind in of[name])
            + ")"
            for name, number in numbered().items()
            if of[name]
        ]
        lines = [f"<p>Slides by chapter: {' · '.join(shown)}.</p>"] if shown else []
    return f'<div class="editions" data-of="{kind}"{"" if lines else " hidden"}>{"".join(lines)}</div>'


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Link to the PDFs, the EPUB and the decks that exist.")
    parser.add_argument("--folder", type=Path, default=BUILD / "html", help="the built book")
    parser.add_argument("--made", type=Path, default=BUILD, help="where the PDFs, the EPUB and `slides` lie")
    options = parser.parse_args(arguments)
    try:
        found = publish(options.folder, options.made)
    except OSError as error:
        print(f"editions: {error}", file=sys.stderr)
        return 1
    print(f"editions: {len(found)} files beside the pages" if found else "editions: none is made; nothing links to one")
    return 0


if __name__ == "__main__":
    sys.exit(main())
