"""Puts the editions that exist beside the built pages and links to them there:
`python -m tools.release.editions`.

A page that has `{editions}` shows nothing as long as there is neither PDF nor EPUB. To publish, run
this last, after `make html`, `make pdf` and `make epub`; run twice, it does the same.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tools import epub
from tools.paths import BUILD
from tools.pdf.print import PAPERS

MARK = re.compile(r'<div class="editions"(?: hidden)?>.*?</div>', re.DOTALL)
PDFS = {paper: f"trust-region-book-{paper}.pdf" for paper in PAPERS}
SAID = {"a4": "A4", "letter": "letter"}


def publish(folder: Path, made: Path) -> list[str]:
    """Copies what there is of PDFs and EPUB into the built book, and links to it; the names of what
    it found.

    Args:
        folder: the built pages.
        made: where `make pdf` and `make epub` have written.

    Raises:
        FileNotFoundError: there is no book in `folder`.
    """
    if not (folder / "index.html").exists():
        raise FileNotFoundError(f"{folder}: no book here; `make html` builds it")
    whole = [*PDFS.values(), epub.NAME]
    found = [name for name in whole if (made / name).exists()]
    for name in whole:
        (folder / name).unlink(missing_ok=True)
    for name in found:
        shutil.copyfile(made / name, folder / name)
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if 'class="editions"' in text:
            home = "../" * (len(page.relative_to(folder).parts) - 1)
            page.write_text(MARK.sub(linked(found, home), text), encoding="utf-8")
    return found


def linked(found: Sequence[str], home: str) -> str:
    """What stands on a page that asks for the editions; `home` leads from the page to the book's
    folder."""
    papers = [
        f'<a href="{home}{PDFS[paper]}">{SAID[paper]}</a>'
        for paper in PAPERS
        if PDFS[paper] in found
    ]
    said = [f"as a PDF: {' or '.join(papers)}"] if papers else []
    said += [f'as an <a href="{home}{epub.NAME}">EPUB</a>'] if epub.NAME in found else []
    line = f"<p>The whole book {'; '.join(said)}.</p>" if said else ""
    return f'<div class="editions"{"" if line else " hidden"}>{line}</div>'


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Link to the PDFs and the EPUB that exist.")
    parser.add_argument("--folder", type=Path, default=BUILD / "html", help="the built book")
    parser.add_argument("--made", type=Path, default=BUILD, help="where the PDFs and the EPUB lie")
    options = parser.parse_args(arguments)
    try:
        found = publish(options.folder, options.made)
    except OSError as error:
        print(f"editions: {error}", file=sys.stderr)
        return 1
    print(
        f"editions: {len(found)} files beside the pages"
        if found
        else "editions: none is made; nothing links to one"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
