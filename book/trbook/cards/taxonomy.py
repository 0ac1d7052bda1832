"""Every method on four axes: which ratio, which level, what is done outside the region, and whether
the sign of the advantage decides what is outside. Made of the cards, and of the methods elsewhere
that have a place and no card."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trbook.cards import CARDS
from trbook.cards.card import GALLERY, Action, MethodCard
from trbook.cards.elsewhere import ELSEWHERE, Elsewhere

ACTIONS: Mapping[Action, str] = {
    "nothing": "Nothing",
    "clip": "Clip: no gradient outwards",
    "clamp": "Clamp: a weight that grows no further",
    "mask": "Mask: the token is silenced",
    "drop": "Drop: the whole completion is silenced",
    "soften": "Soften: the push fades",
    "smooth": "Smooth: the loss sees another policy, a mixture or one uphill",
    "center": "Center: what the sampler pushes on average is subtracted",
    "penalise": "Penalise: distance costs",
    "constrain": "Constrain: distance is bounded",
    "pull back": "Pull back: beyond a point the push turns",
    "project": "Project: the nearest distribution inside takes its place",
    "regress": "Regress: fit the optimum of a penalised step",
    "transport": "Transport: probability moves at a price that grows with the distance",
    "bound the step": "Bound the step: in the space of parameters",
}
"""What is done, and what it means, in the order of the picture."""


Place = MethodCard | Elsewhere

PLACES: tuple[Place, ...] = (*CARDS.values(), *ELSEWHERE)
"""All of them: the main line, the gallery, and what is elsewhere."""


OLD, SAMPLER, REFERENCE, WEIGHTS = (
    "the policy before the batch",
    "the policy that sampled",
    "a reference",
    "the weights before the step",
)
NEAR: Mapping[str, str] = {
    "nothing": "nothing",
    "what the policy itself finds likely": "the policy itself",
    "the policy that learns": "the policy itself",
    "its values before the batch": "the critic before the batch",
    SAMPLER: SAMPLER,
    "a policy between the one that sampled and the one that learns": SAMPLER,
    **dict.fromkeys(
        (
            OLD,
            OLD + "; with β also a fixed reference",
            "1, its value at " + OLD,
            "the policy before the update",
            "where the policy stands before this update",
            "those of the optimum of a KL-regularised step from " + OLD,
            "the distribution before the step",
            "where it is",
        ),
        OLD,
    ),
    **dict.fromkeys(
        (
            "the policy that the run began with",
            "the policy that the run began with, or a pivot that follows",
            "the policy that the run began with; " + OLD,
            "a reference that follows the policy",
            "a prior, by the objective's KL",
            "that of a moving average of the weights, and that at slightly changed embedded tokens",
        ),
        REFERENCE,
    ),
    **dict.fromkeys(
        (
            WEIGHTS,
            "the weights now",
            "the weights now; its radius is the distance from the first policy",
            "where they are",
            "where they are, and away from their bounds",
        ),
        WEIGHTS,
    ),
}
"""To what a card keeps something close, in the few words that the table of all methods is filtered
by."""
NO_CODE = "no code here"


def near(one: Place) -> str:
    """To what something is kept close, in one of a few words; without a card: the policy that its
    ratio names."""
    if isinstance(one, MethodCard):
        return NEAR[one.to]
    return OLD if one.ratio == "π/π_old" else SAMPLER


def branch(one: Place) -> str:
    """The family of the main line or the branch of the gallery; without a card: that it has no
    code."""
    return GALLERY.get(one.family, one.family) if isinstance(one, MethodCard) else NO_CODE


def picture(link: Callable[[Place], str]) -> list[tuple[str, str]]:
    """For each thing that can be done outside a region, its meaning and the methods that do it, by
    level."""
    told = []
    for action, meaning in ACTIONS.items():
        levels: dict[str, list[str]] = {}
        for one in PLACES:
            if one.action == action:
                levels.setdefault(one.level, []).append(link(one))
        if levels:
            told.append(
                (
                    meaning,
                    "; ".join(f"*{level}:* {' · '.join(names)}" for level, names in levels.items()),
                )
            )
    return told
