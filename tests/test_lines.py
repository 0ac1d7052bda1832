"""A method as one line: read as arithmetic by code that shares nothing with the losses, it gives the
weight of every token."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tests.losses import batch, refused, tokens
from trlib import algorithms as a
from trlib import relatives
from trlib.algorithms import Method, Scores, TokenLoss, lines
from trlib.methods import OBJECTIVES

METHODS = {name: kind() for name, kind in OBJECTIVES.items()} | {
    "ppo dual clip": a.PPO(eps_high=0.28, dual_clip=1.5),
    "cispo upper": a.CISPO(eps_low=None),
    "gspo wide": a.GSPO(eps_low=0.1, eps_high=0.15),
    "dppo two thresholds": a.DPPO(delta_tv=(0.1, 0.2), max_ratio=1.3),
    "dppo kl": a.DPPO(delta_kl=0.05),
    "dppo two kl": a.DPPO(delta_kl=(0.01, 0.06)),
    "dppo unsigned": a.DPPO(delta_tv=(0.05, 0.1), signed=False),
    "dppo unsigned kl": a.DPPO(delta_kl=0.02, signed=False),
    **{
        f"centered {kind}": a.Centered(weight=kind, center=False, cap=1.2, floor=0.8, delta_tv=0.05)
        for kind in ("none", "ratio", "truncated", "window", "mask")
    },
    "r2vpo dearer": relatives.RELATIVES["r2vpo"](lam=0.7),
    "minpro wide": relatives.RELATIVES["minpro"](eps_low=1.0, eps_high=1.5),
    "ctpo wide": relatives.RELATIVES["ctpo"](low=0.3, high=0.2, cap=0.4, power=0.7),
    "trm wide": relatives.RELATIVES["trm"](delta_max=0.3, delta_mean=0.05),
    "ln_trm wide": relatives.RELATIVES["ln_trm"](delta_mean=0.4, delta=0.3),
    "vespo other": relatives.RELATIVES["vespo"](k_pos=1.5, lam_pos=1.0, k_neg=2.5, lam_neg=0.5),
    "topr token": relatives.RELATIVES["topr"](level="token"),
}
LINES = {name: method for name, method in METHODS.items() if method.line is not None}


def weight_of(method, logp, part):
    """The weight of the method's own loss; of one with a critic, of the policy's part."""
    if hasattr(method, "policy_loss"):
        return method.policy_loss(Scores(logp), part).diagnostics["weight"]
    if method.needs(method.anchor).values:
        return a.PPO.objective(method, Scores(logp), part).diagnostics["weight"]
    return method.objective(Scores(logp), part).diagnostics["weight"]


@pytest.mark.parametrize("name", LINES)
def test_a_line_gives_the_weight_of_the_loss(name):
    method, given = LINES[name], tokens(3, b=64, t=5)
    # Sampler, old policy and policy differ, and a completion has one advantage, some of them 0.
    given["advantages"] = given["rewards"].unsqueeze(-1).expand_as(given["logp"])
    mask, anchor = given["mask"], "rollout" if method.anchor == "rollout" else "recomputed"
    part = batch(
        mask,
        logp_rollout=given["logp_anchor"],
        logp_old=given["logp_old"],
        advantages=given["advantages"],
        anchor=anchor,
    )
    found = weight_of(method, given["logp"], part)
    known = lines.of_tokens(given["advantages"], given["logp"], part.logp_anchor, mask)
    said = lines.evaluate(method.line, known).numpy()
    counted = mask.numpy()
    np.testing.assert_allclose(said[counted], found.numpy()[counted], rtol=1e-9, atol=1e-12)
    assert np.unique(found.numpy()[counted]).size > 1


def test_a_truth_is_turned_around():
    known = {"A": torch.tensor([0.0, 2.0])}
    assert lines.evaluate("A*(not A > 1) + (not A)", known).tolist() == [1.0, 0.0]


def test_a_class_with_a_loss_of_its_own_inherits_no_line():
    @dataclass(frozen=True, kw_only=True)
    class Mine(a.PPO):
        def objective(self, scores, batch):
            return TokenLoss(-scores.logp)

    @dataclass(frozen=True, kw_only=True)
    class Wider(a.PPO):
        eps_high: float = 0.5

    assert Mine().line is None and Method().line is None and a.GRPO(beta=0.1).line is None
    assert Wider().line == "A*r*((A > 0 and r <= 1 + 0.5) or (A < 0 and r >= 1 - 0.2))"
    assert a.PPO(eps_high=0.3).line == "A*r*((A > 0 and r <= 1 + 0.3) or (A < 0 and r >= 1 - 0.2))"


def test_a_misspelt_name_is_told_before_a_run():
    refused("ValueError: formula: .*'moost' is none of A, .* no setting", type(
        "Mine", (Method,), {"formula": "A*min(r, moost)"}
    ))  # fmt: skip
