"""Natural gradient: the KL region of a policy of two parameters, the Fisher ellipse, steps and a
line search."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Explorable, Finite


class NaturalGradient(Explorable):
    """A policy of two parameters that samples two tokens, each yes or no, with a trust region around
    it.

    The logits of yes are (θ1, θ2 + θ1/2). The reward is 1 for yes twice, 0.6 for no twice, and 0 for mixed answers.
    The figure shows the region KL(old || new) ≤ δ (mean over the tokens), the ellipse by which the
    Fisher matrix approximates it, the natural step and the gradient's to that ellipse, a plain
    gradient step at a learning rate, and the tries of the line search of
    `trlib.algorithms.trpo`: :eq:`trpo-step`, :eq:`trpo-search`.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or an unknown way.
    """

    module = "natural_gradient"
    fallback = (
        "Natural gradient: for a policy of two parameters, the KL region and the Fisher ellipse, "
        "the natural step, the gradient's, and a line search. It needs JavaScript."
    )

    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "steps": {"opener": "steps", "theta1": 3.0},
    }

    theta1 = Finite(-0.85, help="The old policy's first parameter, in [-6, 6].")
    theta2 = Finite(1.27, help="The old policy's second parameter, in [-6, 6].")
    delta = Finite(0.1, help="The radius, nats per token, in [0.0001, 0.5].")
    lr = Finite(10.0, help="The learning rate of the plain gradient step, in [0, 100].")
    way = t.Enum(("natural", "gradient"), "natural", help="Which step the line search follows.")
