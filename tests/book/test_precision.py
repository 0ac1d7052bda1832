"""Two precisions of one policy: what is measured, by probability, and what the chapter says of the
record."""

import torch

import trlib
from trbook.precision import (
    measure,
)


def test_a_policy_is_itself_in_its_own_precision_and_another_in_four_bits():
    policy, prompts = trlib.load_policy("dial"), ["7 : -1 +4 +3 flip sq ="]
    own, same = measure(policy, prompts, precision="fp32", group=4)
    assert own.shape == same.shape and torch.equal(own, same)
    assert (measure(policy, prompts, precision="int4", group=4)[1] - own).abs().max() > 0.05
