"""The book as a PDF, A4 and letter: `make pdf`, or `python -m tools.pdf [--paper a4]`, into
`_build/`.

`make report`, or `python -m tools.pdf --alone book/report`, builds one page from the records and
prints it as a paper.

WeasyPrint sets page numbers behind links by itself. Version 70 was tried on three built pages. A
method's card came out well once the theme's style sheets were left out, formulas and figures too.
With those sheets it had finished neither chapter 5 nor the page of notation after 400 seconds, on a
busy machine. Typst and LaTeX, which were not tried, would need every page a second time, from the
notebooks, with figures, cards and recorded tables made anew. Chromium prints what a reader sees,
formulas and figures as vectors; it does not know the page that a link leads to. So it prints twice:
the first printing shows on which page each target lies; the second one carries these numbers
(`tools.pdf.print`).

The pages are those of the built book (`tools.pdf.pages`), solutions and an index
(`tools.pdf.index`) stand at its end.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html import escape
from pathlib import Path

from bs4 import Tag

from tools import html
from tools.browser import NoChromium
from tools.paths import BUILD, ROOT, config
from tools.pdf.index import entries, index, look_for, words
from tools.pdf.pages import (
    GLOSSARY,
    NUMBER,
    SOLUTIONS,
    NotPrintable,
    Page,
    Part,
    Reader,
    check,
    parts,
    slug,
)
from tools.pdf.print import PAPERS, NoFonts, bookmark, numbered, printed
from tools.stamp import version
from trbook.address import Address, address

LARGEST = 25_000_000
"""Bytes: what a mail server or a reader's patience tolerates."""
CARDS = "book/methods/"
STYLES = re.compile(r'<link[^>]*rel="stylesheet"[^>]*>')
HEADINGS = re.compile(r"h[1-6]$")
ASK = "How far may one update go?"


class Book:
    """The document that is printed. Alone, a page has no cover, no contents and no index."""

    def __init__(
        self, folder: Path, chosen: Sequence[Part], where: Address, alone: bool = False
    ) -> None:
        names = [name for part in chosen for name in part.pages]
        check(folder, names)
        reader = Reader(folder, names, where)
        pages = {name: reader.page(name) for name in names}
        self.folder, self.where, self.parts, self.pages, self.alone = (
            folder,
            where,
            chosen,
            pages,
            alone,
        )
        named = {name: title for part in chosen for name, title in part.pages.items()}
        self.titles = {name: named[name] or page.title for name, page in pages.items()}
        glossary = pages[GLOSSARY].body if GLOSSARY in pages else None
        unlinked = {word: ident for word, ident in words(glossary) if ident not in reader.mentions}
        chapters = {
            name: page.body for name, page in pages.items() if name.startswith("notebooks/")
        }
        self.entries = entries(
            glossary, self.titles, {**look_for(unlinked, chapters), **reader.mentions}
        )
        self.solved = [page for page in pages.values() if page.solutions]
        self.body = self._body()

    def html(self, paper: str, numbers: Mapping[str, int]) -> str:
        """The whole document, with the numbers of pages as far as they are known."""
        first = self.folder / f"{next(iter(self.pages))}.html"
        sheets = "".join(
            re.sub(
                r'href="([^"?]*)[^"]*"',
                lambda link: f'href="{(first.parent / link[1]).resolve().as_uri()}"',
                sheet,
            )
            for sheet in STYLES.findall(first.read_text(encoding="utf-8"))
        )
        style = (
            (ROOT / "tools/pdf/pdf.css").read_text(encoding="utf-8")
            + PAPERS[paper].css()
            + self._heads()
        )
        whole = self.body + (
            index(self.entries, numbers) if self.entries and not self.alone else ""
        )
        return (
            '<!DOCTYPE html><html lang="en" data-theme="light" data-mode="light"><head><meta '
            'charset="utf-8">'
            f"<title>{escape(self.title)}</title>{sheets}<style>{style}</style></head>"
            f'<body><div class="bd-article{" alone" * self.alone}">{numbered(whole, numbers)}</div></body></html>'
        )

    @property
    def title(self) -> str:
        """What the document is called."""
        return next(iter(self.titles.values())) if self.alone else str(config()["title"])

    def _body(self) -> str:
        if self.alone:
            return "".join(self._paper(page.body) for page in self.pages.values())
        pieces = [self._front(), self._contents()]
        for part in self.parts:
            if part.title:
                pieces.append(_part(part.title, slug(part.title), _head(next(iter(part.pages)))))
            for name in part.pages:
                short = (
                    " glossary"
                    if name == GLOSSARY
                    else " short"
                    if name.startswith(CARDS) and not name.endswith("/index")
                    else ""
                )
                pieces.append(
                    f'<div class="page{short}" style="page: '
                    f'{_head(name)}">{_text(self.pages[name].body)}</div>'
                )
        if self.solved:
            pieces.append(_part(SOLUTIONS, "solutions", "solutions"))
            pieces += [self._solutions(page) for page in self.solved]
        return "".join(pieces)

    def _paper(self, body: Tag) -> str:
        """A page with its author, and the book and the version that it is from, under its title."""
        source = (
            f'<a href="{self.where.pages}">{escape(config()["title"])}</a>'
            if self.where.pages
            else config()["title"]
        )
        by = f'<p class="by">{escape(config()["author"])}. From {source}, version {version()}.</p>'
        return _text(body).replace("</h2>", f"</h2>{by}", 1)

    def _solutions(self, page: Page) -> str:
        cells = "".join(_text(cell) for cell in page.solutions)
        title = f'<h2 class="was-h2">{escape(self.titles[page.name])}</h2>'
        return f'<section class="page short" style="page: solutions">{title}{cells}</section>'

    def _front(self) -> str:
        logo = (ROOT / config()["logo"]).resolve().as_uri()
        lines = [
            f"Version {version()}.",
            "Code under the MIT licence, prose under CC BY 4.0.",
            "Printed from the executed book. A number such as “p. 12” behind a link is the page "
            "that it leads to. A word with dots under it stands in the glossary. The code that "
            "only draws a figure is in the notebooks.",
        ]
        if self.where.pages:
            lines.insert(
                1,
                "Figures move, and code runs, at <a "
                f'href="{self.where.pages}">{self.where.pages}</a>.',
            )
        about = "".join(f"<p>{line}</p>" for line in lines)
        title = escape(config()["title"])
        return (
            f'<section class="front"><img src="{logo}" alt=""><p class="name">{title}</p><p '
            f'class="ask">{ASK}</p>'
            f'<p>{escape(config()["author"])}</p><div class="about">{about}</div></section>'
        )

    def lines(self) -> list[tuple[str, str, bool]]:
        """The table of contents: title, target, and whether it is a part. A page alone has none."""
        lines: list[tuple[str, str, bool]] = []
        if self.alone:
            return lines
        for part in self.parts:
            if part.title:
                lines.append((part.title, f"part-{slug(part.title)}", True))
            lines += [(self.titles[name], slug(name), False) for name in part.pages]
        if self.solved:
            lines.append((SOLUTIONS, "part-solutions", True))
        if self.entries:
            lines.append(("Index", "the-index", True))
        return lines

    def _contents(self) -> str:
        lines = "".join(
            f'<li class="{"head" * is_part}"><a href="#{ident}">{escape(title)}</a>'
            f'<span class="pages">{NUMBER.format(ident)}</span></li>'
            for title, ident, is_part in self.lines()
        )
        return (
            f'<section class="contents"><h1 class="was-h1">Contents</h1><ul>{lines}</ul></section>'
        )

    def _heads(self) -> str:
        """A running head for every chapter: pages of one name share it."""
        rules = {
            _head(name): title for name, title in self.titles.items() if not name.startswith(CARDS)
        }
        rules |= {"methods": "Methods", "solutions": SOLUTIONS}
        line = '@page {} {{ @top-left {{ content: "{}"; }} }}'
        return "".join(line.format(name, _quoted(title)) for name, title in rules.items())


def _part(title: str, ident: str, head: str) -> str:
    """A part's title, above the first of its pages, whose running head it shares."""
    return f'<h1 class="part" id="part-{ident}" style="page: {head}">{escape(title)}</h1>'


def _head(name: str) -> str:
    return (
        "methods"
        if name.startswith(CARDS)
        else slug(name).replace("-", "_").replace("notebooks", "n")
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "").replace('"', "'")


def _text(body: Tag) -> str:
    """A page's HTML, its headings one level below those of the parts."""
    for heading in body.find_all(HEADINGS):
        heading["class"] = f"was-{heading.name}"
        heading.name = f"h{min(int(heading.name[1]) + 1, 6)}"
    return str(body)


def make(
    folder: Path,
    out: Path,
    papers: Sequence[str] = tuple(PAPERS),
    chosen: Sequence[Part] | None = None,
    where: Address | None = None,
    say: Callable[[str], None] = lambda _: None,
    alone: bool = False,
) -> list[Path]:
    """Prints the built book.

    Args:
        folder: the built pages.
        out: where the files are written, `trust-region-book-a4.pdf` and so on.
        papers: names in `PAPERS`.
        chosen: what is printed; everything that is of use on paper, unless pages are named.
        where: the book's addresses, by default those in `_config.yml`.
        say: is told what happens.
        alone: as a paper of its own, which has the page's name.

    Raises:
        NotPrintable: a page is missing, a chapter was not executed, or the file is too large.
        NoFonts: the machine has no font for code.
        NoChromium: there is no Chromium.
    """
    book = Book(
        folder,
        parts() if chosen is None else chosen,
        address(config()) if where is None else where,
        alone,
    )
    name = Path(next(iter(book.pages))).name if alone else "trust-region-book"
    out.mkdir(parents=True, exist_ok=True)

    def paper_made(paper: str) -> Path:
        target = out / f"{name}-{paper}.pdf"
        count = printed(partial(book.html, paper), target, say)
        bookmark(target, book.lines(), config()["author"])
        size = target.stat().st_size
        if size > LARGEST:
            raise NotPrintable(
                f"{target}: {size / 1e6:.1f} MB, but at most {LARGEST / 1e6:.0f} MB are allowed"
            )
        say(f"{target}: {count} pages, {size / 1e6:.1f} MB")
        return target

    with ThreadPoolExecutor() as pool:  # Chromium lays a document out on one core
        return list(pool.map(paper_made, papers))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Print the built book as a PDF.")
    parser.add_argument("--folder", type=Path, default=BUILD / "html", help="the built book")
    parser.add_argument("--out", type=Path, default=BUILD)
    parser.add_argument(
        "--paper", choices=PAPERS, action="append", help="a4 and letter unless one is named"
    )
    parser.add_argument(
        "--only", metavar="PAGE", nargs="+", help="print these pages: notebooks/05_grpo"
    )
    parser.add_argument(
        "--alone",
        metavar="PAGE",
        help="build this page alone, and print it as a paper: book/report",
    )
    options = parser.parse_args(arguments)
    only = [options.alone] if options.alone else options.only
    chosen = [Part("", dict.fromkeys(only, ""))] if only else None
    papers = options.paper or tuple(PAPERS)

    def say(text: str) -> None:
        print(text, flush=True)

    try:
        folder = html.build(pages=only, say=say) if options.alone else options.folder
        make(folder, options.out, papers, chosen, say=say, alone=bool(options.alone))
    except (NotPrintable, NoFonts, NoChromium, html.BuildFailed, OSError, ValueError) as error:
        print(f"pdf: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
