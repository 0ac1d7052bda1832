"""Query dual: a fence and a price, for two prompts of one radius."""

from __future__ import annotations

from trbook.explorables.host import Explorable, Finite


class QueryDual(Explorable):
    """Two prompts with sixteen completions each, of which 2 and 14 are right: what the policy gains on each
    if a nat of KL(π‖μ) costs λ, and where a radius of 0.1 nats ends.

    Each has one price at which the policy stops at the radius, the multiplier of
    `trlib.algorithms.quatro.solve_dual`.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, or not a finite number.
    """

    module = "query_dual"
    fallback = (
        "A fence and a price: for two prompts the reward that a policy gains, less the price of "
        "its distance from the sampler, and the fence that a radius is. It needs JavaScript."
    )

    price = Finite(0.25, help="λ, the price of a nat in units of reward, above 0.")
