"""The taxonomy places every card and everything elsewhere once, and says what the cards say."""

import re
from typing import get_args

import pytest

from book.build.paths import ROOT
from trbook.cards import CARDS
from trbook.cards.card import Action
from trbook.cards.elsewhere import ELSEWHERE
from trbook.cards.taxonomy import ACTIONS, NEAR, NO_CODE, PLACES, branch, near, picture
from trbook.cards.thumbnail import simplified

BIBLIOGRAPHY = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")


def test_every_method_has_one_place():
    assert [one.name for one in PLACES if one not in ELSEWHERE] == list(CARDS)
    assert [one.title for one in PLACES if one in ELSEWHERE] == [one.title for one in ELSEWHERE]
    titles = [one.title for one in PLACES]
    assert len(titles) == len({*titles}), "a name that means two things says which"
    assert set(ACTIONS) == set(get_args(Action))


UNNAMED = ("2608.01418",)
"""Known by its number alone: nothing that we could read says its title."""


@pytest.mark.parametrize("one", ELSEWHERE, ids=lambda one: one.title)
def test_what_is_elsewhere_says_where(one):
    assert bool(one.arxiv) != bool(one.where)
    assert not one.arxiv or re.fullmatch(r"\d{4}\.\d{5}", one.arxiv)
    assert not one.arxiv or (one.arxiv in UNNAMED) != (f"arXiv {one.arxiv}" in BIBLIOGRAPHY)


def test_the_picture_names_every_method_once():
    told = dict(picture(lambda one: f"<{one.title}>"))
    named = [name for text in told.values() for name in re.findall("<(.*?)>", text)]
    assert sorted(named) == sorted(one.title for one in PLACES)
    assert "<IcePop>" in told[ACTIONS["mask"]] and "*token:* " in told[ACTIONS["mask"]]


def test_what_the_table_is_filtered_by():
    """Every card's own words have a place among the few; no word is left over."""
    assert {card.to for card in CARDS.values()} == set(NEAR)
    assert (
        near(CARDS["dppo"]) == "the policy that sampled" and near(CARDS["tr_dpo"]) == "a reference"
    )
    assert branch(CARDS["bapo"]) == "Ratios and clips" and branch(ELSEWHERE[0]) == NO_CODE


def test_a_line_keeps_its_corners():
    corner = [(float(i), 0.0 if i < 5 else 10.0) for i in range(10)]
    assert simplified(corner) == [(0, 0), (4, 0), (5, 10), (9, 10)]
    assert simplified([(float(i), float(i)) for i in range(10)]) == [(0, 0), (9, 9)]
