"""The taxonomy places every card and everything elsewhere once, and says what the cards say."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from tools.paths import ROOT
from trbook.cards import CARDS
from trbook.cards.card import Action
from trbook.cards.elsewhere import ELSEWHERE
from trbook.cards.taxonomy import ACTIONS, AXES, PLACES, picture, rows

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


def test_rows_and_picture_are_made_of_the_same():
    shown = rows(lambda one: one.title)
    assert all(len(row) == len(AXES) for row in shown) and len(shown) == len(PLACES)
    by_name = {row[0]: row[1:] for row in shown}
    assert by_name["DPPO"] == ("π/μ", "token", CARDS["dppo"].action, "signed")
    assert by_name["IcePop"] == ("π_old/μ", "token", "mask", "unsigned")
    told = dict(picture(lambda one: f"<{one.title}>"))
    named = [name for text in told.values() for name in re.findall("<(.*?)>", text)]
    assert sorted(named) == sorted(one.title for one in PLACES)
    assert "<IcePop>" in told[ACTIONS["mask"]] and "*token:* " in told[ACTIONS["mask"]]
