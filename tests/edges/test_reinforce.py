"""REINFORCE by hand, and its class."""

import torch

from tests.losses import batch, tensor
from trlib.algorithms import ALGORITHMS, REINFORCE, Correction, Needs, Scores
from trlib.loop.boxes import ResolvedNeeds, needs_of


def test_the_class_trains_on_what_was_sampled_and_asks_for_nothing():
    assert ALGORITHMS["reinforce"] is REINFORCE
    for anchor in ("rollout", "recomputed"):
        assert REINFORCE().needs(anchor) == Needs(old=False)
        assert needs_of(REINFORCE(correction=Correction()), anchor) == ResolvedNeeds(
            old=False, early=True
        )
    logp = tensor([[-1.0, -2.0], [-3.0, -4.0]])
    held = batch(torch.ones(2, 2) > 0, rewards=tensor([1.0, 0.0]), logp_rollout=logp + 1)
    method = REINFORCE()
    prepared = method.prepare(held)
    assert prepared.advantages.tolist() == [[0.5, 0.5], [-0.5, -0.5]]
    result = method.objective(Scores(logp), prepared)
    assert result.per_token.tolist() == [[0.5, 1.0], [-1.5, -2.0]]
    assert method.loss(result.per_token, prepared).item() == -0.5
