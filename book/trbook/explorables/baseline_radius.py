"""A baseline is a radius: where one prompt's policy goes when b is taken from every reward."""

from __future__ import annotations

import traitlets as t

from trbook.explorables.host import Explorable, Finite

ANSWERS = 6


class BaselineRadius(Explorable):
    """Six answers to one prompt, of which 2 and 4 are right, and what E_μ[(R - b) ∇ log π] makes of
    the sampler μ, which stays as it is.

    Outlines are μ, bars the policy after some steps, lines where it ends
    (`trbook.bandit.push_limit`). Below, its distance KL(μ ‖ π) after these steps and in the end, for
    every baseline b: finite below 0.

    What is impossible is clamped by the page, which says why.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or a number of answers
            other than six.
    """

    module = "baseline_radius"
    fallback = (
        "A baseline is a radius: six answers to one prompt under the sampler, after some steps and "
        "in the end, and how far from the sampler each baseline leads. It needs JavaScript."
    )

    baseline = Finite(-0.1, help="b, which is taken from every reward, -2.5 to 1.")
    steps = t.CInt(1024, help="Steps of gradient ascent, 0 to 4096.")
    sampler = t.List(
        Finite(),
        [0.34, 0.12, 0.24, 0.08, 0.14, 0.08],
        minlen=ANSWERS,
        maxlen=ANSWERS,
        help="The sampler's probability of each answer.",
    )
