"""The glossary: every link to a word of it resolves, and every word has a meaning that a small card
can show."""

import pytest

from book.build.ext.terms import meanings


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
