"""The map of a branch is the cards', and the rows of the bandit are its steps."""

from __future__ import annotations

import pytest

from trlib.algorithms import PGIS, PPO
from trlib.lab.bandit import bandit_step
from trlib.pages.cards import CARDS, GALLERY
from trlib.pages.gallery import ADVANTAGES, MU, branch_map, steps


def test_the_bandit_is_one():
    assert sum(MU) == pytest.approx(1) and sum(m * a for m, a in zip(MU, ADVANTAGES, strict=True)) == pytest.approx(0)


@pytest.mark.parametrize("branch", GALLERY)
def test_a_map_says_what_the_cards_say(branch):
    cards = [card for card in CARDS.values() if card.family == branch]
    shown = branch_map(branch)
    assert shown.values.tolist() == [[card.what, card.to, card.how] for card in cards]
    assert all(("after" in name) == bool(card.after) for name, card in zip(shown.index, cards, strict=True))


def test_rows_are_steps():
    shown = steps({"none": PGIS(), "clip": PPO()}, uses=8)
    one = bandit_step(PPO(), MU, ADVANTAGES, uses=8)
    assert shown.loc["clip"].tolist() == [round(x, 3) for x in (one.gain, one.kl, one.tv, one.ratio, one.entropy)]
    assert shown.loc["clip", "gain"] < shown.loc["none", "gain"]


def test_an_unknown_branch_is_named():
    with pytest.raises(ValueError, match=r"branch: expected one of ratios, .*, got 'ratio'"):
        branch_map("ratio")
