"""The ratio map: which tokens does a trust region clip? Clip against divergence, at every old
and new p."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Explorable, Finite

METHODS = ("ppo", "dppo_tv", "dppo_kl")


class RatioMap(Explorable):
    """The plane of old and new probability of a sampled token, with the regions where its gradient
    is kept.

    For a token sampled with probability q under the old policy that now has probability p:
    PPO's clip keeps it while r = p/q stays in the window, DPPO-TV while |p - q| ≤ δ, DPPO-KL while
    KL(Bernoulli q || Bernoulli p) ≤ δ, each only on the side that the sign of the advantage points
    towards.

    Every trait is read and set from Python as well as by hand. A number that is impossible (ε_low
    above 1) is clamped by the page, which says why and writes the clamped value back; NaN, infinity
    and wrong types are refused.

    With a `batch` (`trbook.explorables.batch.token_batch` makes one) its tokens stand on the plane:
    a slider goes through its updates, pointing at a token shows it in its completion, and each
    method counts what it clips.

    Raises:
        ValueError: a setting that the map does not have.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or an unknown method
            or axis.
    """

    module = "ratio_map"
    fallback = (
        "Ratio map: the plane of old and new probability of a sampled token, with the regions in "
        "which PPO's clip, DPPO-TV and DPPO-KL keep its gradient. It needs JavaScript."
    )

    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "map": {
            "opener": "map",
            "show": list(METHODS),
            "sign": -1,
            "old_p": 0.99,
            "new_p": 0.8,
        },
        "dppo": {"show": list(METHODS), "sign": -1, "old_p": 0.99, "new_p": 0.8},
        "grpo": {"old_p": 0.3, "new_p": 0.3, "update": 5},
    }
    placeholder_heights = (960, 670)

    eps_low = Finite(0.2, help="PPO's clip: the ratio's window below 1, in [0, 1].")
    eps_high = Finite(0.2, help="PPO's clip: the ratio's window above 1, at least 0.")
    delta_tv = Finite(0.15, help="DPPO-TV: the radius, a probability in [0, 1].")
    delta_kl = Finite(0.05, help="DPPO-KL: the radius, nats, at least 0.")
    sign = t.CInt(1, help="Sign of the advantage: 1 or -1.")
    axes = t.Enum(["linear", "logit"], "logit", help="Axes of both probabilities.")
    old_p = Finite(1e-5, help="The cursor's old probability q.")
    new_p = Finite(1e-3, help="The cursor's new probability p.")
    show = t.List(t.Enum(METHODS), ["ppo"], help=f"The methods that are drawn: any of {METHODS}.")
    batch = t.Dict(help="Tokens of a real batch, from `token_batch`; empty: none.").tag(data=True)
    update = t.CInt(0, help="Which of the batch's updates is shown, counted from 0.")
    token = t.CInt(-1, help="The token of the batch that the cursor stands on; -1: none.")

    @t.validate("batch")
    def _whole(self, proposal: t.Bunch) -> dict:
        wanted = {"updates", "prompts", "completions", "old", "new"}
        if proposal.value and set(proposal.value) != wanted:
            raise t.TraitError(
                f"batch: expected what `token_batch` returns, with {', '.join(sorted(wanted))}; "
                f"got {', '.join(sorted(map(str, proposal.value)))}"
            )
        return proposal.value
