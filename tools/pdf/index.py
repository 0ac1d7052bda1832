"""The index of the printed book: each word of the glossary and each method, with the pages that
speak of it.

The chapters link a word to the glossary where they first use it. These links are the index: an
entry lists the pages on which they are printed, and in bold the page that explains the word. A word
that no chapter links is looked for in the chapters' text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bs4 import Tag

from tools.pdf.pages import NUMBER, slug

CARDS = "book/methods/"
MOST = 5
"""Chapters in which a word is looked for, and cards that an entry lists: a common word should not
list everything."""


@dataclass(frozen=True)
class Entry:
    """A line of the index."""

    word: str
    explained: str
    """The id of what explains it."""
    mentioned: tuple[str, ...]
    """The ids of links to it, in the order of the book."""


def entries(
    glossary: Tag | None,
    titles: Mapping[str, str],
    mentions: Mapping[str, Sequence[tuple[str, str]]],
) -> list[Entry]:
    """The lines of the index, in alphabetical order.

    Args:
        glossary: the glossary's page, None where it is not printed.
        titles: the printed pages, name to title.
        mentions: `Reader.mentions`.
    """
    found = list(words(glossary))
    found += [
        (title, slug(name))
        for name, title in titles.items()
        if name.startswith(CARDS) and not name.endswith("/index")
    ]
    made = [Entry(word, ident, tuple(_worth(mentions.get(ident, ())))) for word, ident in found]
    return sorted(made, key=lambda entry: (entry.word.lstrip("$(").lower(), entry.explained))


def _worth(mentions: Sequence[tuple[str, str]]) -> list[str]:
    """The links that an entry lists. A word of the cards' common form is on nearly every card: then
    it lists none of them."""
    on_cards = [link for name, link in mentions if name.startswith(CARDS)]
    return [link for _, link in mentions if len(on_cards) <= MOST or link not in on_cards]


def words(glossary: Tag | None) -> Iterator[tuple[str, str]]:
    """The words of the glossary, each with its id; a heading above several words is none."""
    for section in glossary.find_all("section", id=True) if glossary is not None else ():
        heading = section.find(["h2", "h3", "h4"], recursive=False)
        if heading is not None and section.find("section") is None:
            yield " ".join(heading.get_text().split()), str(section["id"])


def look_for(
    wanted: Mapping[str, str], chapters: Mapping[str, Tag]
) -> dict[str, list[tuple[str, str]]]:
    """Where chapters speak of words that they do not link, in the form of `Reader.mentions`.

    Args:
        wanted: words to the ids of what explains them.
        chapters: pages by name; a paragraph that speaks of a word first gets an id, if it has none.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    idents = {word.lower(): ident for word, ident in wanted.items()}
    if not idents:
        return found
    longest_first = sorted(map(re.escape, idents), key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])({'|'.join(longest_first)})s?(?![\w-])", re.IGNORECASE)
    for name, body in chapters.items():
        for count, paragraph in enumerate(body.find_all("p")):
            for word in {match[1].lower() for match in pattern.finditer(paragraph.get_text())}:
                seen = found.setdefault(idents[word], [])
                if len(seen) < MOST and all(other != name for other, _ in seen):
                    paragraph["id"] = paragraph.get("id") or f"{slug(name)}---w{count}"
                    seen.append((name, str(paragraph["id"])))
    return found


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
    return (
        '<section class="page index" '
        f'id="the-index"><h1>Index</h1><ul>{"".join(items)}</ul></section>'
    )
