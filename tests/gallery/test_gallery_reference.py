"""Every method with a penalty on the KL divergence to its reference: in the reward all take it, in the
loss all whose loss is one per token."""

import pytest

from tests.losses import trained
from trlib.algorithms import Reference
from trlib.errors import MethodError
from trlib.methods import OBJECTIVES
from trlib.relatives.preferences import DPO

WHOLE = {"rebel", "dpo", "tr_dpo", "adpo", "trpa", "opmd", "oapl", "tpo"}
"""Their losses are of completions, pairs or prompts."""
PLACES = {"loss": "k2", "reward": "k1", "token-reward": "k1"}


def short(kind, place, **settings):
    reference = Reference(beta=0.1, place=place, estimator=PLACES[place])
    return trained(kind(reference=reference, **settings), steps=1, prompts=2, group=4)


def test_a_loss_of_pairs_takes_a_penalty_in_the_reward_alone():
    assert "kl_ref" in short(DPO, "reward").history
    with pytest.raises(MethodError, match="reference: expected place='reward' with a method whose"):
        short(DPO, "loss")


@pytest.mark.nightly("a batch of every method in every place")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_method_takes_a_penalty(name, place):
    if place == "loss" and name in WHOLE:
        with pytest.raises(MethodError, match="reference: expected place='reward'"):
            short(OBJECTIVES[name], place)
        return
    wide = {"delta_max": 9.0, "delta_mean": 9.0} if name == "trm" else {}
    assert "kl_ref_seq" in short(OBJECTIVES[name], place, **wide).history
