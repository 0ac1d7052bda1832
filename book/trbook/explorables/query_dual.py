"""Query dual: QUATRO's constraint for two prompts, each solved by itself, beside GRPO's
advantages."""

from __future__ import annotations

import traitlets as t

from trbook.explorables.host import Explorable, Finite

FEWEST, MOST = 2, 16
"""Completions of a prompt."""


class QueryDual(Explorable):
    """The rewards of two prompts' groups and one radius: each prompt's multiplier, the log-ratio
    that each completion should reach, and GRPO's advantages, which are the targets of a small
    radius (`trlib.algorithms.quatro.solve_dual`).

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, not a finite number, an unknown direction,
            or rewards outside [0, 1], fewer than two or more than sixteen.
    """

    module = "query_dual"
    fallback = (
        "Query dual: the rewards of two prompts, the multiplier that each gets from one radius, "
        "and the log-ratio that each completion should reach. It needs JavaScript."
    )

    rewards = t.List(
        t.CFloat(), [1.0] + 7 * [0.0], help="Prompt A's rewards: 2 to 16 numbers in [0, 1]."
    )
    other = t.List(t.CFloat(), 7 * [1.0] + [0.0], help="Prompt B's rewards, likewise.")
    delta = Finite(0.1, help="The radius δ, nats per completion, at least 0.")
    lambda_min = Finite(0.01, help="The floor of the multiplier, in units of reward, above 0.")
    direction = t.Enum(
        ("backward", "forward"),
        "backward",
        help="Which divergence is bounded: backward KL(π‖μ), forward KL(μ‖π).",
    )

    @t.validate("rewards", "other")
    def _group(self, proposal: t.Bunch) -> list[float]:
        rewards = list(proposal.value)
        if not FEWEST <= len(rewards) <= MOST or not all(0 <= reward <= 1 for reward in rewards):
            raise t.TraitError(
                f"{proposal.trait.name}: expected {FEWEST} to {MOST} rewards in [0, 1], got "
                f"{rewards}"
            )
        return rewards
