"""What a method asks the loop to compute for it, and what is said where it reads more than that."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trlib import checks


@dataclass(frozen=True)
class Needs:
    """A declaration: what is named here the loop computes, and what follows from it."""

    old: bool | None = None
    """`Batch.logp_old`, by the learner before this batch's updates. None: where the trust region is drawn around that
    policy, or a correction asks for it; True: always, and before `prepare`; False: never."""
    reference: bool = False
    """`Batch.logp_ref`, and `Step.reference`: the policy that the run began with, or as the method has moved it."""
    full: bool = False
    """`Scores.full`: the current policy's whole distribution."""
    full_anchor: bool = False
    """`Batch.full_anchor`: the whole distribution of the policy that the region is drawn around."""
    topk_anchor: int = 0
    """`Batch.topk_anchor`: its k most likely tokens, a `trlib.divergences.TopK`; 0: none."""
    hidden: bool = False
    """`Scores.hidden`: what the output layer reads."""
    critic: float = 0.0
    """A critic, its learning rate as a multiple of the policy's: `Batch.values` and `Step.values`; 0: none."""
    critic_outputs: int = 1
    """Numbers that the critic gives of every token: 1 is a value, more are quantiles or bins, [B, T, outputs]."""
    values: bool = False
    """`Scores.values`: the critic's, with gradient, in the objective."""

    def __post_init__(self) -> None:
        checks.settle(self)
        checks.whole("topk_anchor", self.topk_anchor, least=0)
        checks.number("critic", self.critic, least=0, below=math.inf)
        checks.whole("critic_outputs", self.critic_outputs, least=1)
        if self.values and not self.critic:
            raise ValueError("values: expected a critic that gives them, Needs(critic=1.0, values=True), got none")


BROUGHT_BY = {
    "logp_old": "old=True",
    "logp_ref": "reference=True",
    "logp_anchor": "old=True",
    "full": "full=True",
    "hidden": "hidden=True",
    "values": "critic=1.0 (and values=True for those of the scores)",
    "full_anchor": "full_anchor=True",
    "topk_anchor": "topk_anchor=20",
}
"""Which need brings what a method may read."""


class NotHeld(AttributeError, ValueError):
    """Something was read that nobody asked for."""

    def __init__(self, name: str, holder: str) -> None:
        how = (
            f"the method's `needs` must name it: Needs({BROUGHT_BY[name]})"
            if name in BROUGHT_BY
            else f"`prepare` may add it: batch.plus({name}=...)"
            if holder == "batch"
            else "it has no such name"
        )
        verb = "do" if holder == "scores" else "does"
        super().__init__(f"{name}: the {holder} {verb} not hold it; {how}")
