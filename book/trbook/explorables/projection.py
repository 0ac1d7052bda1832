"""Projection: one token's old, new and projected distribution, and what TROLL's update does to each
logit."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Explorable, Finite

PUSHES = ("before", "clip", "ratio", "pull", "all")
NAMES = ("easy", "answer", "quick", "simply", "slowly", "carefully", "stepwise", "plan")
"""Words that begin a completion of `dial`."""
OLD = (0.358, 0.181, 0.121, 0.085, 0.128, 0.063, 0.038, 0.026)
"""The base policy's share of each among these eight, before the first token of
`task.prompts(16, seed=0)[0]`."""


class Projection(Explorable):
    """A token's distribution π̃, its projection π onto KL(π || q) <= δ, and the gradient on every
    logit.

    The bars are q, π̃ and π over eight words; a bar of π̃ is dragged. Below them -dL/dlogit of each
    word: unclipped (A r), under PPO's clip, and TROLL's two parts, the projected ratio's and
    the regression's, and their sum. Last the curve of KL(π_η || q) over the multiplier η with its
    root. `support` says what the method sees: all eight, the sampled one and the likeliest others
    (`k` in all) with a bucket for the rest, or these in shares of their sum.

    A radius of 0, a support that does not hold what moves, a π̃ that was outside before any update:
    the page says what the method then does.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or an unknown word.
    """

    module = "projection"
    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "out": {"opener": "out", "reach": 0.5},
        "troll": {"shift": [-1.05, -1.08, -1.1, -1.0, 1.12, 1.11, 1.11, 1.09]},
    }
    placeholder_heights = (1063, 704)
    fallback = (
        "Projection: the old, new and projected distribution of one token over eight words, the "
        "root of the dual, and the gradient on every logit under TROLL, PPO's clip and neither. It "
        "needs JavaScript."
    )

    old = t.List(
        Finite(), list(OLD), minlen=8, maxlen=8, help="q, eight probabilities that sum to 1."
    )
    shift = t.List(
        Finite(),
        [-0.5, -0.3, 0.2, 0.2, 0.2, 0.6, -0.6, -0.4],
        minlen=8,
        maxlen=8,
        help="By how much each logit of π̃ has moved from q's, in [-6, 6].",
    )
    reach = Finite(
        1.0, help="How many times the moves are taken: more is further out on the same geodesic."
    )
    token = Finite(4.0, help="The sampled word, from 0 to 7.")
    advantage = Finite(1.0, help="Its advantage A.")
    delta = Finite(0.05, help="The radius δ, nats per token, at least 0.")
    alpha = Finite(1.0, help="α, the regression's weight, at least 0.")
    eps = Finite(0.2, help="The window of PPO's clip, in [0, 1].")
    support = t.Enum(
        ("all", "rest", "drop"), "all", help="What the method sees: all, k and a rest, or k alone."
    )
    k = Finite(4.0, help="Words kept where the support is sparse, from 1 to 8.")
    show = t.List(t.Enum(PUSHES), ["clip", "all"], help=f"The gradients drawn: any of {PUSHES}.")
    scale = t.Enum(("linear", "log"), "linear", help="The axis of probabilities.")
