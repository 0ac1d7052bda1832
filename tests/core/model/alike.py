"""Whether two policies compute the same."""

from __future__ import annotations

import torch

from trlib.model.policy import Policy
from trlib.model.rollout import sample


def alike(one: Policy, other: Policy) -> bool:
    """Whether both give a few sampled tokens the same log-probs, bit for bit."""
    c = sample(one, ["7 : +3 ="], group=3, max_tokens=8, seed=0)
    return torch.equal(one.score(c).logp, other.score(c).logp)
