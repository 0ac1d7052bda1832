"""Every method on four axes: which ratio, which level, what is done outside the region, and whether the sign of the
advantage decides what is outside. Made of the cards, and of the methods elsewhere that have a place and no card."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trbook.cards import CARDS
from trbook.cards.card import Action, MethodCard
from trbook.cards.elsewhere import ELSEWHERE, Elsewhere
from trbook.cards.text import signed

AXES = ("method", "ratio", "level", "what is done", "signed")
ACTIONS: Mapping[Action, str] = {
    "nothing": "Nothing",
    "clip": "Clip: no gradient outwards",
    "clamp": "Clamp: a weight that grows no further",
    "mask": "Mask: the token is silenced",
    "drop": "Drop: the whole completion is silenced",
    "soften": "Soften: the push fades",
    "smooth": "Smooth: the loss sees another policy, a mixture or one uphill",
    "penalise": "Penalise: distance costs",
    "constrain": "Constrain: distance is bounded",
    "pull back": "Pull back: beyond a point the push turns",
    "project": "Project: the nearest distribution inside takes the place",
    "regress": "Regress: fit the optimum of a penalised step",
    "transport": "Transport: probability moves at a price by distance",
    "bound the step": "Bound the step: in the space of parameters",
}
"""What is done, and what it means, in the order of the picture."""


Place = MethodCard | Elsewhere

PLACES: tuple[Place, ...] = (*CARDS.values(), *ELSEWHERE)
"""All of them: the main line, the gallery, and what is elsewhere."""


def rows(link: Callable[[Place], str]) -> list[tuple[str, ...]]:
    """A row of `AXES` for each method; `link` writes its name."""
    return [(link(one), one.ratio, one.level, one.action, signed(one)) for one in PLACES]


def picture(link: Callable[[Place], str]) -> list[tuple[str, str]]:
    """For each thing that can be done outside a region, its meaning and the methods that do it, by level."""
    told = []
    for action, meaning in ACTIONS.items():
        levels: dict[str, list[str]] = {}
        for one in PLACES:
            if one.action == action:
                levels.setdefault(one.level, []).append(link(one))
        if levels:
            told.append((meaning, "; ".join(f"*{level}:* {' · '.join(names)}" for level, names in levels.items())))
    return told
