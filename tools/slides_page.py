"""What a built page holds, for slides: blocks below their headings, sentences, words, and the ladder's steps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, NavigableString, Tag

from tools.pdf_pages import NOT_PRINTED, NotPrintable

NARROW = ".drawn-narrow, .still-narrow, .trlib-drawing > style, .caption-number"
"""A figure as a phone shows it, and what a figure does not need here."""
OPENED = re.compile(r"predict|answer|happened|say|result", re.IGNORECASE)
"""The title of a fold that answers a prediction."""
ENDS = re.compile(r"(?<=[.?!])(\s+)(?=[“\"(A-ZΑ-Ωπμ])")
WIDEST = 88
"""Characters of a line of code on a slide."""
LADDER = "book/ladder.html"


@dataclass(frozen=True)
class Slide:
    """One slide."""

    kind: str
    title: str
    """HTML."""
    body: str
    """HTML."""
    rank: int = 0
    """0: always shown; the larger, the sooner it is left out where a deck grows too long."""
    name: str = ""
    """The id of the figure or formula."""


@dataclass
class Deck:
    """A chapter's slides."""

    name: str
    title: str
    slides: list[Slide] = field(default_factory=list)


@dataclass
class Block:
    """A piece of a page, below the headings of its section."""

    tag: Tag
    part: str
    """The heading of the second level."""
    title: str
    """The nearest heading, HTML."""

    @property
    def classes(self) -> list[str]:
        return list(self.tag.get("class") or [])


def opened(path: Path) -> tuple[Tag, dict[str, str]]:
    """A page's article without what needs a click, and the meanings that stand on it."""
    match = re.search(r"<article.*?</article>", path.read_text(encoding="utf-8"), re.DOTALL)
    article = BeautifulSoup(match[0], "html.parser").article if match else None
    if article is None:
        raise NotPrintable(f"{path.stem}: the page has no article; the book was built by another version")
    meanings = {str(tag["id"]).removeprefix("meaning-"): text(tag) for tag in article.select(".meaning")}
    for unwanted in article.select(f"{', '.join(NOT_PRINTED)}, {NARROW}"):
        unwanted.decompose()
    return article, meanings


def blocks(node: Tag, part: str = "", title: str = "") -> Iterator[Block]:
    """Everything below the headings, in the page's order; a fold and a cell are one block each."""
    for child in node.find_all(True, recursive=False):
        if child.name == "section":
            yield from blocks(child, part, title)
        elif child.name in ("h2", "h3", "h4"):
            title = inner(child)
            part = text(child) if child.name == "h2" else part
        elif child.name != "h1" and child.name != "style":
            yield Block(child, part, title)


def terms(folder: Path) -> dict[str, str]:
    """The glossary's words by their anchor."""
    article, _ = opened(folder / "book/glossary.html")
    return {
        str(section["id"]): inner(heading)
        for section in article.find_all("section", id=True)
        if isinstance(heading := section.find(["h2", "h3"], recursive=False), Tag)
    }


def rungs(folder: Path) -> dict[str, list[Slide]]:
    """The ladder's steps by the chapter that each leads to; none where its page was not built."""
    if not (folder / LADDER).exists():
        return {}
    article, _ = opened(folder / LADDER)
    found: dict[str, list[Slide]] = {}
    for section in article.find_all("section", id=re.compile(r"step-\d+$")):
        link = section.select_one("a[href^='../notebooks/']")
        heading, code, why = section.find(["h2", "h3"]), section.select_one(".highlight"), section.find("p")
        if not (link and heading and code and isinstance(why, Tag)):
            continue
        for reference in why.find_all("a"):
            reference.replace_with(reference.get_text())
        drawing, caption = section.select_one(".trlib-drawing, svg"), section.select_one("p.caption")
        said = inner(caption) if caption else ""
        picture = f'<figure><div class="picture">{drawing}</div><figcaption>{said}</figcaption></figure>'
        name = str(link["href"]).split("/")[-1].partition(".html")[0]
        said = re.sub(r"\s*\(chapter \d+\)", "", " ".join(sentences(why, 40)))
        title = re.sub(r"^\d+\.\s*", "", inner(heading))
        body = f"<p>{said}</p>{changed(code.get_text())}{picture if drawing is not None else ''}"
        found.setdefault(name, []).append(Slide("line", f"The changed line: {title}", body, 1, str(section["id"])))
    return found


def changed(code: str) -> str:
    """The lines before and after, and those above them unless one is too long for a slide."""
    lines = code.rstrip().splitlines()
    if any(len(line) > WIDEST for line in lines):
        lines = [line for line in lines if line[:1] in "+-"]
    kinds = {"-": "gd", "+": "gi"}
    shown = [f'<span class="{kinds.get(line[:1], "")}">{escape(line, quote=False)}</span>' for line in lines]
    return "<pre>" + "\n".join(shown) + "</pre>"


# Sentences


def text(node: Tag | str) -> str:
    """Words alone; a formula by its letters."""
    node = BeautifulSoup(node, "html.parser") if isinstance(node, str) else copy(node)
    for formula in node.select(".katex-mathml"):
        formula.decompose()
    return " ".join(node.get_text().split())


def inner(tag: Tag) -> str:
    """The HTML inside a tag."""
    return tag.decode_contents().strip()


def capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def sentences(tag: Tag, most: int | None = None) -> list[str]:
    """A paragraph's sentences as HTML: all, or the first ones as long as they hold at most `most` words."""
    found: list[str] = [""]
    for child in tag.children:
        if isinstance(child, NavigableString):
            first, *others = ENDS.sub("\0", re.sub(r"\s+", " ", str(child))).split("\0")
            if re.search(r"[.?!](</\w+>)*$", found[-1]) and re.match(r"\s+[“\"(A-Z]", first):
                found.append("")
            found[-1] += escape(first, quote=False)
            found += [escape(other, quote=False) for other in others]
            if re.search(r"[.?!] $", found[-1]):  # a formula, a link or a name begins the next one
                found.append("")
        else:
            found[-1] += str(child)
    whole = [part.strip() for part in found if part.strip()]
    return whole if most is None else whole[: within(whole, most)]


def split(words: str, most: int) -> list[str]:
    """The first sentences of plain words."""
    whole = ENDS.sub("\0", words).split("\0")
    return whole[: within(whole, most)]


def within(parts: Sequence[str], most: int) -> int:
    count = 0
    for number, part in enumerate(parts):
        count += len(text(part).split())
        if count > most and number:
            return number
    return len(parts)


def paragraphs(parts: Sequence[str]) -> str:
    return "".join(f"<p>{part}</p>" for part in parts)


def closed(body: str) -> str:
    """The HTML without a last line that only leads on to what is not shown."""
    return re.sub(r"<p>(?:(?!</p>).)*:</p>$", "", body, flags=re.DOTALL)


def listed(tag: Tag, most: int) -> str:
    """A list: of each item as many sentences as the list's number of words allows, and never its bold first words
    alone."""
    items = tag.find_all("li", recursive=False)
    rows = []
    for item in items:
        whole = sentences(item.find("p", recursive=False) or item)
        count = within(whole, max(8, most // max(1, len(items))))
        shown = whole[: max(count, 2)] if re.fullmatch(r"<(strong|b)>[^<]*</\1>", whole[0]) else whole[:count]
        rows.append(f"<li>{' '.join(shown)}</li>")
    return f"<{tag.name}>{''.join(rows)}</{tag.name}>"


def prose(tag: Tag) -> list[Tag]:
    if tag.name == "p":
        return [tag]
    if tag.name in ("ul", "ol", "details", "div") and "cell" not in (tag.get("class") or []):
        return [*tag.find_all("p"), *(item for item in tag.find_all("li") if item.find("p") is None)]
    return []


def predicts(block: Block) -> bool:
    strong = block.tag.find("strong") if block.tag.name == "p" else None
    return isinstance(strong, Tag) and strong.get_text().startswith("Predict")


def from_predict(tag: Tag) -> list[str]:
    """A prediction's paragraph, its bold word left out: the title of the slide says it."""
    whole = copy(tag)
    for strong in whole.find_all("strong"):
        if strong.get_text().strip(" .:") == "Predict":
            strong.decompose()
    return [part if part.startswith("<") else capital(part) for part in sentences(whole)]


def summary(tag: Tag) -> str:
    summary = tag.find("summary")
    return text(summary) if isinstance(summary, Tag) else ""


def told_in(tag: Tag) -> str:
    said = [p for p in tag.find_all("p") if p.find_parent("summary") is None]
    if not said:
        return ""
    parts: list[str] = []
    for paragraph in said:
        parts += sentences(paragraph)
    return "".join(f"<p>{part}</p>" for part in parts[: within(parts, 50)])


def is_task(tag: Tag) -> bool:
    strong = tag.find("strong") if tag.name == "p" else None
    return isinstance(strong, Tag) and re.match(r"\d+\. ", strong.get_text()) is not None


def without_number(tag: Tag) -> Tag:
    """An exercise's paragraph without its number."""
    whole = copy(tag)
    strong = whole.find("strong")
    if isinstance(strong, Tag) and isinstance(strong.contents[0], NavigableString):
        strong.contents[0].replace_with(re.sub(r"^\d+\. ", "", str(strong.contents[0])))
    return whole


def named(block: Block) -> str:
    figure = block.tag if block.tag.name == "figure" else block.tag.select_one("figure")
    return str(figure.get("id", "")) if figure is not None else ""
