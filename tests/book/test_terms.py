"""The glossary: every link to a word of it resolves, and every word has a meaning that a small card
can show."""

import re

import pytest

from book.build.ext.terms import meanings, slug
from book.build.paths import ROOT


def glossary():
    return (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")


def test_every_word_is_there_once_with_a_meaning_that_fits():
    words = re.findall(r"^### (.+)$", glossary(), re.MULTILINE)
    assert len({slug(word) for word in words}) == len(words)
    found = meanings(glossary())
    assert set(found) == {slug(word) for word in words}
    unfit = {
        word: text
        for word, text in found.items()
        if not 20 < len(text) < 200 or re.search(r"[$`*\\]", text)
    }
    assert unfit == {}, "a sentence, without formulas: the card shows plain words"


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("### Nat\n\nThe *unit*, of\n[all](x.md). It is 1.\n\nMore.", {"nat": "The unit, of all."}),
        (
            "### Pinsker's inequality\n\nOne.\n\n## Metrics\n\nNo word.",
            {"pinskers-inequality": "One."},
        ),
        ("### Dr.GRPO\n\nOne.\n\n### k3\n\nTwo.", {"drgrpo": "One.", "k3": "Two."}),
    ],
)
def test_a_meaning_is_the_first_sentence_in_plain_words(markdown, found):
    assert meanings(markdown) == found
