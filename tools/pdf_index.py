"""The index of the printed book: each word of the glossary and each method, with the pages that speak of it.

The chapters link a word to the glossary where they first use it. These links are the index: an entry lists the pages on
which they are printed, and in bold the page that explains the word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bs4 import Tag

from tools.pdf_pages import NUMBER, slug

CARDS = "book/methods/"


@dataclass(frozen=True)
class Entry:
    """A line of the index."""

    word: str
    explained: str
    """The id of what explains it."""
    mentioned: tuple[str, ...]
    """The ids of links to it, in the order of the book."""


def entries(
    glossary: Tag | None, titles: Mapping[str, str], mentions: Mapping[str, Sequence[tuple[str, str]]]
) -> list[Entry]:
    """The lines of the index, in alphabetical order.

    Args:
        glossary: the glossary's page, None where it is not printed.
        titles: the printed pages, name to title.
        mentions: `Reader.mentions`.
    """
    found = []
    for section in glossary.find_all("section") if glossary is not None else ():
        heading = section.find(["h2", "h3", "h4"], recursive=False)
        if heading is not None and str(section.get("id")) in mentions:
            found.append((" ".join(heading.get_text().split()), str(section["id"])))
    found += [
        (title, slug(name)) for name, title in titles.items() if name.startswith(CARDS) and slug(name) in mentions
    ]
    made = [Entry(word, ident, tuple(link for _, link in mentions[ident])) for word, ident in found]
    return sorted(made, key=lambda entry: (entry.word.lstrip("$(").lower(), entry.explained))


def index(lines: Sequence[Entry], numbers: Mapping[str, int]) -> str:
    """The index as HTML. A page is listed once; `numbers` is empty before the first printing."""
    items = []
    for line in lines:
        links, seen = [], {numbers.get(line.explained)}
        for ident in line.mentioned:
            if not numbers or numbers.get(ident) not in seen:
                seen.add(numbers.get(ident))
                links.append(f'<a href="#{escape(ident)}">{NUMBER.format(escape(ident))}</a>')
        first = f'<a href="#{escape(line.explained)}"><b>{NUMBER.format(escape(line.explained))}</b></a>'
        items.append(f"<li>{escape(line.word)} {', '.join([first, *links])}</li>")
    return f'<section class="page index" id="the-index"><h1>Index</h1><ul>{"".join(items)}</ul></section>'
