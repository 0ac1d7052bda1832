"""Query dual: a fence and a price, for two prompts of one radius."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Explorable, Finite


class QueryDual(Explorable):
    """Two prompts with sixteen completions each, right or wrong: what the policy gains on each if a
    nat of KL(π‖μ) costs λ, and where the radius δ ends.

    Each has one price at which the policy stops at the radius, the multiplier of
    `trlib.algorithms.quatro.solve_dual`.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, or not a finite number.
    """

    module = "query_dual"
    shown: ClassVar[dict[str, dict[str, Any]]] = {"price": {"opener": "price"}}
    fallback = (
        "A fence and a price: for two prompts the reward that a policy gains, less the price of "
        "its distance from the sampler, and the fence that a radius is. It needs JavaScript."
    )

    price = Finite(0.5, help="λ, the price of a nat in units of reward, above 0.")
    delta = Finite(0.1, help="The radius δ, nats per completion, above 0.")
    right = t.CInt(2, help="How many of prompt A's sixteen completions are right, 1 to 15.")
    other = t.CInt(14, help="Prompt B's, likewise.")
