"""The book on paper: `make pdf`, or `python -m book.build.pdf`, into `_build/trust-region-book.pdf`.

Chromium prints each page of the built book by the print style in `book.css`, A4, and the printings
are bound into one file with an outline and numbered through. A link to a page of the file leads there; any other leads
to the published book, or nowhere while there is none. `make report` builds one page from the
records and prints it alone (`--alone book/report`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

from book.build.browser import NoChromium, browser, settle
from book.build.pages import BuildFailed, build
from book.build.paths import BUILD, ROOT, config
from book.build.serve import served
from book.build.stamp import version
from trbook.address import address

NOT_PRINTED = (
    "book/interface/",
    "book/playground",
    "book/own",
    "book/recorded",
    "book/check/atlas",
)
"""Pages that are of no use on paper: the interface is read beside the code, the playground has to
be played with, and tables of runs and of losses are looked up, never read."""
MARGINS = {"top": "17mm", "bottom": "15mm", "left": "19mm", "right": "19mm"}
LINE = (
    '<div style="font: 7pt sans-serif; color: #566270; width: 100%; padding: 0 19mm; '
    'text-align: {}">{}</div>'
)
TITLE = "one => one.firstChild.textContent"
THROUGH = """async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 0.8 * innerHeight) {
        scrollTo({ top: y, behavior: "instant" });
        await new Promise(done => setTimeout(done, 100));
    }
    await new Promise(done => setTimeout(done, 500));
}"""
"""Scrolls through a page, whose figures are drawn when somebody comes near."""
NUMBER = '<span class="pageNumber"></span>'
EMPTY = "<span></span>"


def parts(toc: Path = ROOT / "_toc.yml") -> dict[str, dict[str, str]]:
    """What is printed, in the order of the table of contents: by part, names to titles; a title is
    empty where the page's own heading is meant."""

    def files(node: Any) -> Iterator[tuple[str, str]]:
        for item in node:
            if "file" in item:  # not the pages of a folder, such as those of single sweeps
                yield item["file"], item.get("title", "")
                yield from files(item.get("sections", ()))

    content = yaml.safe_load(toc.read_text(encoding="utf-8"))
    found = {"": {content["root"]: ""}}
    for part in content["parts"]:
        pages = dict(files(part["chapters"]))
        found[part["caption"]] = {
            name: title for name, title in pages.items() if not name.startswith(NOT_PRINTED)
        }
    return {part: pages for part, pages in found.items() if pages}


def bound(prints: Mapping[str, bytes], outline: Mapping[str, Mapping[str, str]], base: str) -> Any:
    """The printings as one document, a pypdf writer.

    Args:
        prints: PDFs by the pages' names, in their order.
        outline: by part, names to titles.
        base: the address that the pages were printed from, with a slash at its end.
    """
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, NameObject, TextStringObject

    writer, first = PdfWriter(), {}
    for name, content in prints.items():
        reader, first[name] = PdfReader(BytesIO(content)), len(writer.pages)
        # Two pages have an `#exercises`, so a link within a page names its place and not a name.
        for link in links(reader.pages):
            if isinstance(link.get("/Dest"), str):
                link[NameObject("/Dest")] = reader.named_destinations[link["/Dest"]].dest_array
        writer.append(reader, import_outline=False)
    public = address(config()).pages
    for link in links(writer.pages):
        target = str(link.get("/A", {}).get("/URI", ""))
        if not target.startswith(base):
            continue
        path = target.removeprefix(base)
        name = path.partition("#")[0].removesuffix(".html")
        if name in first:
            place = writer.pages[first[name]].indirect_reference
            link[NameObject("/Dest")] = ArrayObject([place, NameObject("/Fit")])
        elif public:
            link["/A"][NameObject("/URI")] = TextStringObject(public + path)
        if name in first or not public:
            del link["/A"]
    for part, titles in outline.items():
        above = None
        for name, title in titles.items():
            above = above or (
                writer.add_outline_item(title=part, page_number=first[name]) if part else None
            )
            writer.add_outline_item(title=title, page_number=first[name], parent=above)
    writer.compress_identical_objects()
    return writer


def number(book: Any, chromium: Any) -> None:
    """Numbers the pages through, with those of a document that is empty otherwise: each printing
    begins at 1."""
    from pypdf import PdfReader

    page = chromium.new_page()
    page.set_content('<p style="break-after: page">&nbsp;</p>' * len(book.pages))
    numbers = page.pdf(
        format="A4",
        margin=MARGINS,
        display_header_footer=True,
        header_template=EMPTY,
        footer_template=LINE.format("center", NUMBER),
    )
    page.close()
    for one, numbered in zip(book.pages, PdfReader(BytesIO(numbers)).pages, strict=False):
        one.merge_page(numbered)


def links(pages: Iterable[Any]) -> Iterator[Any]:
    """The links on some pages of a PDF."""
    for page in pages:
        for note in page.get("/Annots", ()):
            yield note.get_object()


def make(
    folder: Path, target: Path, chosen: Mapping[str, Mapping[str, str]], say: Callable[[str], None]
) -> None:
    """Prints pages of the built book in `folder` into the file `target`.

    Raises:
        FileNotFoundError: a page is not in `folder`.
        NoChromium: there is no Chromium.
    """
    names = [name for titles in chosen.values() for name in titles]
    missing = [name for name in names if not (folder / f"{name}.html").exists()]
    if missing:
        raise FileNotFoundError(f"{folder}: no page {missing[0]} here; `make html` builds the book")
    prints: dict[str, bytes] = {}
    outline: dict[str, dict[str, str]] = {part: {} for part in chosen}
    edition = f"{config()['title']}, version {version()}"
    with served(folder) as home, browser() as chromium:
        for part, titles in chosen.items():
            for name, title in titles.items():
                page = chromium.new_page()
                page.goto(f"{home}/{name}.html", wait_until="networkidle")
                page.evaluate(THROUGH)
                title = title or page.locator("article h1").first.evaluate(TITLE)
                page.emulate_media(media="print", color_scheme="light")
                settle(page)
                prints[name] = page.pdf(
                    format="A4",
                    margin=MARGINS,
                    print_background=True,
                    display_header_footer=True,
                    header_template=LINE.format("left", escape(f"{edition}: {title}")),
                    footer_template=EMPTY,
                )
                page.close()
                outline[part][name] = title
                if len(prints) % 10 == 0:
                    say(f"pdf: {len(prints)} of {len(names)} pages of the book")
        book = bound(prints, outline, f"{home}/")
        number(book, chromium)
    book.add_metadata({"/Title": config()["title"], "/Author": config()["author"]})
    target.parent.mkdir(parents=True, exist_ok=True)
    book.write(target)
    say(f"{target}: {len(book.pages)} pages, {target.stat().st_size / 1e6:.1f} MB")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Print the built book as a PDF.")
    parser.add_argument("--folder", type=Path, default=BUILD / "html", help="the built book")
    parser.add_argument("--out", type=Path, default=BUILD)
    parser.add_argument(
        "--only", metavar="PAGE", nargs="+", help="print these pages: notebooks/05_grpo"
    )
    parser.add_argument(
        "--alone", metavar="PAGE", help="build this page alone and print it: book/report"
    )
    options = parser.parse_args(arguments)
    only = [options.alone] if options.alone else options.only
    name = Path(options.alone).name if options.alone else "trust-region-book"

    def say(text: str) -> None:
        print(text, flush=True)

    try:
        folder = build(BUILD / "alone", only) if options.alone else options.folder
        chosen = {"": dict.fromkeys(only, "")} if only else parts()
        make(folder, options.out / f"{name}.pdf", chosen, say)
    except (NoChromium, BuildFailed, OSError, ValueError) as error:
        print(f"pdf: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
