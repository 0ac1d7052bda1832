"""Whether two policies compute the same."""

import torch

from trlib.model.rollout import sample


def alike(one, other):
    """Whether both give a few sampled tokens the same log-probs, bit for bit."""
    c = sample(one, ["7 : +3 ="], group=3, max_tokens=8, seed=0)
    return torch.equal(one.score(c).logp, other.score(c).logp)
