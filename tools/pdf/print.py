"""Prints a document with Chromium until every number of a page that stands in it is right."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tools.browser import browser

TOKEN = re.compile("\ue000([^\ue001]*)\ue001")
ROUNDS = 4
"""The second printing is usually the last one: numbers take the same room whatever they are."""
FONTS = ("Source Serif", "Inter", "KaTeX_Main")
"""Fonts that come with the book."""
MONOSPACED = """() => {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = "20px monospace";
    return pen.measureText("iiii").width > 0 && pen.measureText("iiii").width === pen.measureText("MMMM").width;
}"""
LOADED = (
    "fonts => fonts.filter(name => ![...document.fonts].some(font => "
    "font.family.replaceAll('\\\"', '') === name))"
)


class NoFonts(Exception):
    """A font is missing; the message says which one."""


@dataclass(frozen=True)
class Paper:
    """A size of paper and its margins, as CSS lengths."""

    size: str
    top: str = "16mm"
    side: str = "20mm"
    bottom: str = "14mm"

    def css(self) -> str:
        """The rules for every page: its size, its number, and none on the first one."""
        quiet = "font: 400 7.6pt Inter, 'DejaVu Sans', sans-serif; color: #566270;"
        return (
            f"@page {{ size: {self.size}; margin: {self.top} {self.side} {self.bottom}; "
            f"@bottom-center {{ content: counter(page); {quiet} }} @top-left {{ content: ''; "
            f"{quiet} }} }}@page :first {{ @bottom-center {{ content: ''; }} }}"
        )


PAPERS = {"a4": Paper("A4"), "letter": Paper("letter", top="15mm", bottom="13mm")}


def numbered(html: str, numbers: Mapping[str, int]) -> str:
    """The document with the numbers of pages that are known; zeros hold the place of the others."""
    return TOKEN.sub(
        lambda token: f'<span class="n">{numbers.get(token[1], 0) or "000"}</span>', html
    )


def targets(path: Path) -> tuple[dict[str, int], int]:
    """The page on which each target of a link lies, from 1, and the number of pages of a PDF."""
    from pypdf import PdfReader

    reader = PdfReader(path)
    pages = {page.indirect_reference: number for number, page in enumerate(reader.pages, start=1)}
    found = {}
    for name, target in reader.named_destinations.items():
        found[unquote(name.lstrip("/"))] = pages[target.raw_get("/Page")]
    return found, len(pages)


def bookmark(path: Path, lines: Sequence[tuple[str, str, bool]], author: str) -> None:
    """Gives a PDF the outline that a reader's side bar shows, and its author.

    Chromium writes an outline only beside tags for every element, which cost 27 kB a page: half of
    the file.

    Args:
        path: the PDF, which is written again.
        lines: title, target and whether it is a part, which holds the lines that follow it.
        author: whoever wrote it.
    """
    from pypdf import PdfWriter

    numbers, _ = targets(path)
    writer = PdfWriter(clone_from=path)
    above = None
    for title, ident, is_part in lines:
        item = writer.add_outline_item(
            title=title, page_number=numbers[ident] - 1, parent=None if is_part else above
        )
        above = item if is_part else above
    writer.add_metadata({"/Author": author})
    writer.write(path)


def printed(
    document: Callable[[Mapping[str, int]], str], target: Path, say: Callable[[str], None]
) -> int:
    """Prints until the numbers in the document are those of its pages; the number of pages.

    Raises:
        NoFonts: a font of the book did not load, or the machine has none for code.
        NoChromium: there is no Chromium.
    """
    numbers: dict[str, int] = {}
    with browser() as chromium, tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "book.html"
        for turn in range(1, ROUNDS + 1):
            source.write_text(document(numbers), encoding="utf-8")
            page = chromium.new_page()
            page.set_default_timeout(0)
            page.goto(source.as_uri(), wait_until="load")
            page.evaluate("document.fonts.ready.then(() => null)")
            if turn == 1:
                check_fonts(page)
            page.pdf(path=target, prefer_css_page_size=True, print_background=True, tagged=False)
            page.close()
            found, count = targets(target)
            say(f"{target.name}: printing {turn}, {count} pages")
            if found == numbers:
                break
            numbers = found
    return count


def check_fonts(page: object) -> None:
    missing = page.evaluate(LOADED, list(FONTS))  # type: ignore[attr-defined]
    if missing:
        raise NoFonts(
            f"the book's fonts did not load ({', '.join(missing)}): `make html` builds it with them"
        )
    if not page.evaluate(MONOSPACED):  # type: ignore[attr-defined]
        raise NoFonts(
            "this machine has no monospaced font for code; Debian, Ubuntu: apt-get install "
            "fonts-dejavu-core"
        )
