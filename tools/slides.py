"""A deck of slides for each numbered chapter: `make slides`, or `python -m tools.slides [--only 05_grpo]`.

Each deck is one HTML file that requests nothing from anywhere, with arrow keys, and the same as a 16:9 PDF, both made
in Chromium from the built pages. Reveal.js and Beamer would need every figure and formula a second time; here they are
the page's own, and the PDF is the deck printed, so the two cannot differ.

What a slide shows is read off the chapter's page (`tools.slides_read`). Where text does not fit, Chromium measures it
and it is set in smaller type; where even the smallest is too large, the command says which slide it is.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import yaml

from tools.browser import NoChromium, browser, settle
from tools.paths import BUILD, ROOT, config
from tools.pdf_pages import GLOSSARY, NotPrintable, check, parts
from tools.pdf_print import NoFonts, check_fonts
from tools.slides_page import Deck, Slide, text
from tools.slides_read import Reader
from trbook.address import Address, address

CHOICES = ROOT / "tools/slides.yml"
STATIC = ROOT / "book/_static"
NUMBERED = re.compile(r"([1-9]\d*) · ")
"""The title, in the table of contents, of a chapter that has a deck; those beside them, as 2b, have none."""
SIZES = (1.24, 1.12, 1.0, 0.93, 0.86, 0.79, 0.72)
"""What a slide's type may be scaled by; 0.72 is 21 pixels of 720. Beside a picture it is never scaled up."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:; img-src data:"
FACE = re.compile(r"@font-face\s*\{[^}]*\}")
OVER = """slide => {
    const body = slide.querySelector('.body'), edge = slide.getBoundingClientRect();
    const inside = [...slide.querySelectorAll('p, li, dl, pre, table, figcaption, .picture, .tex, .still, h1, h2')];
    const foot = slide.querySelector('.foot').getBoundingClientRect().top;
    const parts = [...body.children, ...slide.querySelectorAll('figure > *')];
    const above = (one, two) => one.parentElement === two.parentElement
        && two.getBoundingClientRect().top < one.getBoundingClientRect().bottom - 1;
    if (parts.some((one, place) => one.matches('figure') && one.scrollHeight > one.clientHeight + 2
        || place && above(parts[place - 1], one))) return true;
    return body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1 || inside.some(one => {
        const box = one.getBoundingClientRect();
        return one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline' && one.clientWidth
            || box.right > edge.right - 40 || box.left < edge.left || box.bottom > foot + 1 || box.top < edge.top;
    });
}"""
"""Whether something on a slide is cut or runs over its edge."""
TALL = """slide => {
    const still = slide.querySelector('.still > *');
    return still ? 490 / Math.max(1, still.getBoundingClientRect().height) : 1;
}"""
"""The room that an explorable's first state has, divided by the room that it takes."""


def numbered() -> dict[str, str]:
    """The chapters that have a deck, file to number, in the order of the book."""
    every = {name: title for part in parts() for name, title in part.pages.items()}
    return {name.split("/")[1]: found[1] for name, title in every.items() if (found := NUMBERED.match(title))}


@dataclass(frozen=True)
class Fit:
    """How a slide is set."""

    size: float = 1.0
    """What its type is scaled by."""
    zoom: float = 1.0
    """What the first state of an explorable is scaled by."""


def document(deck: Deck, number: str, fits: Sequence[Fit], faces: Sequence[str] | None = None) -> str:
    """A deck as one HTML file.

    Args:
        deck: its slides.
        number: the chapter's.
        fits: how each slide is set.
        faces: the fonts to carry, as rules; None: all.
    """
    book = escape(config()["title"])
    style = (
        "".join(fonts() if faces is None else faces) + _plain_katex() + (ROOT / "tools/slides.css").read_text("utf-8")
    )
    shown = "".join(
        _section(slide, place, len(deck.slides), fit, f"{number} · {escape(deck.title)}", book)
        for place, (slide, fit) in enumerate(zip(deck.slides, fits, strict=True), start=1)
    )
    steer = (
        '<div id="steer"><button id="back" aria-label="Previous slide">←</button>'
        '<button id="on" aria-label="Next slide">→</button></div><div id="said" role="status"></div>'
    )
    script = (ROOT / "tools/slides.js").read_text("utf-8")
    return (
        f'<!DOCTYPE html>\n<html lang="en" data-theme="light"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(deck.title)}</title>'
        f"<style>{style}</style></head><body><main>{shown}</main>{steer}<script>{script}</script></body></html>\n"
    )


def _section(slide: Slide, place: int, count: int, fit: Fit, chapter: str, book: str) -> str:
    first = slide.kind == "title"
    level, over = ("h1", f'<p class="number">{chapter.partition(" · ")[0]} · {book}</p>') if first else ("h2", "")
    foot = f'<div class="foot"><span>{"" if first else chapter}</span><span>{place} / {count}</span></div>'
    return (
        f'<section class="slide kind-{slide.kind}" id="{place}" style="--size: {fit.size}; --zoom: {fit.zoom}" '
        f'data-name="{escape(slide.name)}" aria-label="Slide {place} of {count}">{over}<{level}>{slide.title}</{level}>'
        f'<div class="body">{slide.body}</div>{foot}</section>'
    )


def fonts() -> list[str]:
    """The book's fonts and those of its formulas, each a rule that carries its file."""
    rules = []
    for sheet in (STATIC / "book.css", STATIC / "katex/katex.min.css"):
        for rule in FACE.findall(sheet.read_text("utf-8")):
            file = re.search(r'url\("?([^")]*\.woff2)"?\)', rule)
            assert file is not None, rule
            data = base64.b64encode((sheet.parent / file[1]).read_bytes()).decode()
            name = re.search(r"font-family:\s*([^;]+)", rule)
            other = "".join(f"{part};" for part in re.findall(r"font-(?:weight|style):[^;}]+", rule))
            family = f"font-family:{name[1] if name else ''};{other}"
            rules.append(f"@font-face{{{family}src:url(data:font/woff2;base64,{data}) format('woff2')}}")
    return rules


def _plain_katex() -> str:
    return FACE.sub("", (STATIC / "katex/katex.min.css").read_text("utf-8"))


def make(
    folder: Path,
    out: Path,
    only: Sequence[str] | None = None,
    where: Address | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Writes the decks, `05_grpo.html` and `05_grpo.pdf` and so on.

    Args:
        folder: the built book.
        out: where they are written.
        only: chapters; all unless they are named.
        where: the book's addresses, by default those in `_config.yml`.
        say: is told what happens.

    Raises:
        NotPrintable: a page is missing, a chapter was not executed, or a slide does not fit.
        NoFonts: the machine has no font for code.
        NoChromium: there is no Chromium.
    """
    chapters = numbered()
    unknown = [name for name in only or () if name not in chapters]
    if unknown:
        raise NotPrintable(f"{unknown[0]}: expected one of {', '.join(chapters)}")
    chosen = list(only or chapters)
    check(folder, [*(f"notebooks/{name}" for name in chosen), GLOSSARY])
    where = address(config()) if where is None else where
    choices = yaml.safe_load(CHOICES.read_text("utf-8")) or {}
    reader = Reader(folder, where, choices)
    earlier = list(chapters)[: list(chapters).index(chosen[-1]) + 1]
    built = [name for name in earlier if (folder / f"notebooks/{name}.html").exists()]  # for the words they explain
    decks = {}
    for name in built:
        if name in chosen:
            decks[name] = reader.deck(name, chapters[name])
        else:
            reader.skim(name)
    out.mkdir(parents=True, exist_ok=True)
    made = []
    with browser() as chromium:
        for name in chosen:
            made += write(chromium, decks[name], chapters[name], out)
            say(f"slides: {name}, {len(decks[name].slides)} slides ({made[-2].stat().st_size / 1e6:.1f} MB)")
    return made


def write(chromium: Any, deck: Deck, number: str, out: Path) -> list[Path]:
    """A deck's two files; the type of every slide is as large as it may be."""
    target, paper = out / f"{deck.name}.html", out / f"{deck.name}.pdf"
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    target.write_text(document(deck, number, [Fit()] * len(deck.slides)), encoding="utf-8")
    page.goto(target.as_uri())
    page.emulate_media(media="print")
    settle(page)
    check_fonts(page)
    faces = _used(page, fonts())
    handles = page.query_selector_all(".slide")
    fits = [_fit(slide, handle, deck) for slide, handle in zip(deck.slides, handles, strict=True)]
    target.write_text(document(deck, number, fits, faces), encoding="utf-8")
    page.goto(target.as_uri())
    settle(page)
    page.pdf(path=paper, prefer_css_page_size=True, print_background=True, tagged=True)
    page.close()
    return [target, paper]


def _fit(slide: Slide, handle: Any, deck: Deck) -> Fit:
    """The largest type that fits."""
    zoom = round(min(1.0, handle.evaluate(TALL)), 3)
    handle.evaluate("(slide, zoom) => slide.style.setProperty('--zoom', zoom)", zoom)
    pictured = "<figure" in slide.body or slide.kind == "title"
    for size in SIZES:
        if size > 1 and pictured:
            continue
        handle.evaluate("(slide, size) => slide.style.setProperty('--size', size)", size)
        if not handle.evaluate(OVER):
            return Fit(size, zoom)
    name = slide.name or text(slide.title)
    raise NotPrintable(f"{deck.name}: the slide {name!r} does not fit; leave it out, or choose in tools/{CHOICES.name}")


def _used(page: Any, rules: Sequence[str]) -> list[str]:
    """The rules of the fonts that the page has loaded."""
    loaded = page.evaluate("[...document.fonts].map(font => font.status === 'loaded')")
    return [rule for rule, is_loaded in zip(rules, loaded, strict=True) if is_loaded]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make a deck of slides for each chapter of the built book.")
    parser.add_argument("--folder", type=Path, default=BUILD / "html", help="the built book")
    parser.add_argument("--out", type=Path, default=BUILD / "slides")
    parser.add_argument("--only", metavar="CHAPTER", nargs="+", help="05_grpo")
    options = parser.parse_args(arguments)
    try:
        make(options.folder, options.out, options.only, say=lambda words: print(words, flush=True))
    except (NotPrintable, NoFonts, NoChromium, OSError, ValueError) as error:
        print(f"slides: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
