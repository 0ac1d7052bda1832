"""The page of claims: every card has its place, and the table above counts what the cards say."""

import re
from collections import Counter

import pytest

from book.build.claims import body, counted, every, summed
from book.build.ext.terms import slug
from book.build.paths import ROOT
from trlab.claims import cards, tell

pytestmark = pytest.mark.long
PAGE = (ROOT / "book/claims.md").read_text(encoding="utf-8")


def test_every_card_stands_under_its_own_heading():
    sections = dict(re.findall(r"^## (.+)\n\n<!--made claims-card (\S+)-->", PAGE, re.MULTILINE))
    assert sections == {card.title: card.name for card in cards()}
    assert list(every()) == list(sections.values()), "in the book's order"


def test_a_link_of_the_table_finds_its_heading():
    assert slug("GRPO and its children") == "grpo-and-its-children" and slug("PPO") == "ppo"
    assert len({slug(card.title) for card in cards()}) == len(cards())


def test_a_card_without_its_heading_is_the_rest():
    assert body("## PPO\n\nnote\n\n**1. claim**\n") == "note\n\n**1. claim**"
    with pytest.raises(
        ValueError, match="markdown: expected a heading in the first line, got 'PPO'"
    ):
        body("PPO\n")


def test_the_verdicts_of_a_card_are_as_many_as_its_claims():
    some = cards()[:2]
    found = counted(some)
    assert list(found) == [card.title for card in some]
    for card in some:
        assert found[card.title] == Counter(one.verdict for one in tell(card) if not one.claim.ours)
        assert found[card.title].total() == len([claim for claim in card.claims if not claim.ours])
    assert (
        summed(Counter({"undecided": 2, "seen": 1, "not testable at this size": 1, "not seen": 1}))
        == "1 seen, 1 not seen, 2 undecided, 1 not testable at this size"
    )
