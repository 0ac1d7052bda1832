"""Two precisions of one policy: what is measured, by probability, and what the chapter says of the
record."""

import torch

import trlib
from trbook.precision import (
    by_probability,
    measure,
    recorded_precision,
)


def test_a_policy_is_itself_in_its_own_precision_and_another_in_four_bits():
    policy, prompts = trlib.load_policy("dial"), ["7 : -1 +4 +3 flip sq ="]
    own, same = measure(policy, prompts, precision="fp32", group=4)
    assert own.shape == same.shape and torch.equal(own, same)
    assert (measure(policy, prompts, precision="int4", group=4)[1] - own).abs().max() > 0.05


def test_the_record_says_how_it_was_made_and_what_the_chapter_says():
    logp, other, made = recorded_precision()
    assert made["model"] == "SmolLM2-135M-Instruct"
    table = by_probability(logp, other)
    assert (table["outside"].iloc[-2:] == 0).all(), "none above 0.5"
    below = table.iloc[:2]
    share = (below["outside"] * below["tokens"]).sum() / below["tokens"].sum()
    assert 0.007 < share < 0.01, "nearly one in a hundred below 0.01"
    assert table["median |r - 1|"].iloc[:3].between(0.04, 0.046).all(), "4 %, however rare"
    assert table["median TV"].max() < 0.01 and table["median TV"].iloc[0] < 1e-5
