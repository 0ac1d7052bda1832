"""Names that mean two things: the page has them, says which one the book means, and the cards point
to it."""

import re

from book.build.cards import CARDS
from book.build.paths import ROOT

TEXT = (ROOT / "book" / "names.md").read_text(encoding="utf-8")


def entries(part):
    """The bullets below each heading of a part of the page."""
    body = TEXT.partition(f"\n## {part}\n")[2].partition("\n## ")[0]
    return {
        heading.strip(): re.findall(r"^- (.+)$", rest, re.MULTILINE)
        for heading, rest in re.findall(
            r"^### (.+?)\n(.*?)(?=^### |\Z)", body, re.MULTILINE | re.DOTALL
        )
    }


METHODS, WORDS = entries("Methods"), entries("Words")


def letters(title):
    """A title's own name: what stands before a colon, a comma or a bracket."""
    return re.split(r"[:,(]", title)[0].strip().upper()


def test_a_card_whose_name_is_on_the_page_says_so_and_the_page_names_the_card():
    taken = {
        card.name: letters(card.title) for card in CARDS.values() if letters(card.title) in METHODS
    }
    pointers = re.compile(r"\[the name (\w+) has other meanings\]\(\.\./names\.md#(\w+)\)")
    pointing = {
        card.name: found[1] for card in CARDS.values() if (found := pointers.search(card.text))
    }
    assert pointing == taken, "a heading of book/names.md, or a card's title, without its partner"
    for name, heading in taken.items():
        (here,) = (meaning for meaning in METHODS[heading] if meaning.startswith("**Here**"))
        assert f"(methods/{name}.md)" in here
        assert not CARDS[name].arxiv or CARDS[name].arxiv in here, "the paper of the card"
