"""Centering: from all tokens and from some, the neighbours' terms, and the method in the loop."""

import math

import pytest
import torch

from tests.losses import (
    D,
    close,
    distributions,
    refused,
    sampled,
    slope,
    tensor,
    trained,
)
from trlib.algorithms import (
    Centered,
    TopK,
    center_scores,
    center_scores_topk,
    centered_sparse_loss,
    reinforce_loss,
    weighted_loss,
)

EVERY = [
    {"weight": "none"},
    {"weight": "ratio"},
    {"weight": "truncated", "cap": 1.2},
    {"weight": "window", "cap": 1.3, "floor": 0.7},
    {"weight": "mask", "delta_tv": 0.05},
]


# --- from the sampler's most likely tokens
# ------------------------------------------------------------------------------------------------


def head(old, ids, k):
    """The k most likely tokens of a sampler, the sampled one among them."""
    first = old.scatter(-1, ids.unsqueeze(-1), math.inf).topk(k, -1).indices
    return TopK(first, old.gather(-1, first))


def centered(logp, old, rest, k=None, **how):
    """The centered loss and its gradient in the logits."""
    logits = logp.detach().clone().requires_grad_()
    full, ids = logits.log_softmax(-1), rest["tokens"]
    given = {"advantages": rest["advantages"], "mask": rest["mask"]}
    loss = weighted_loss(sampled(full, ids), sampled(old, ids), **given, **how)
    given |= {"tokens": ids, **how}
    if k is None:
        found = center_scores(loss, full, old, **given)
    else:
        top = head(old, ids, k)
        found = center_scores_topk(loss, full.gather(-1, top.ids), top, **given)
    return found, slope(found.per_token, logits), loss


@pytest.mark.parametrize("how", EVERY, ids=lambda how: how["weight"])
def test_all_tokens_of_the_sampler_are_the_whole_vocabulary(how):
    logp, old, rest = distributions(apart=0.4)
    found, grad, _ = centered(logp, old, rest, k=8, **how)
    expected, expected_grad, _ = centered(logp, old, rest, **how)
    close(grad, expected_grad, 1e-9)
    close(found.diagnostics["weight"], expected.diagnostics["weight"], 1e-9)


def neighbours(p_log, q_log, how):
    """The coefficient of each of the sampler's top k [N, k] as the code of vime has it, in
    `vime/utils/score_centering.py` of vllm-project/vime at 2b83ea2, and NeMo-RL's guide in words
    (docs.nvidia.com/nemo/rl, read 27 November 2026): written from the formula, mode by mode."""
    p, q = p_log.exp(), q_log.exp()
    tail_p, tail_q = (1 - p.sum(-1)).clamp(min=1e-6), (1 - q.sum(-1)).clamp(min=1e-6)
    rho = tail_q / tail_p
    if how["weight"] == "none":
        mass, alpha = q, rho
    elif how["weight"] == "truncated":  # 0 to the cap
        mass, alpha = torch.minimum(p, how["cap"] * q), (how["cap"] * rho).clamp(max=1.0)
    elif how["weight"] == "window":
        low, high = how["floor"], how["cap"]
        mass = torch.where((p / q >= low) & (p / q <= high), p, 0.0)
        alpha = ((1 / rho >= low) & (1 / rho <= high)).to(rho.dtype)
    else:
        mass, alpha = p, torch.ones_like(rho)
    return mass - alpha.unsqueeze(-1) * p


@pytest.mark.parametrize("how", EVERY[:4], ids=lambda how: how["weight"])
def test_the_term_is_nemo_rls_and_vimes(how):
    for seed in range(4):
        logp, old, rest = distributions(apart=0.6, seed=seed)
        found, _, loss = centered(logp, old, rest, k=4, **how)
        top = head(old, rest["tokens"], 4)
        here = logp.gather(-1, top.ids)
        term = (neighbours(here, top.logp, how) * here).sum(-1)
        expected = (loss.per_token + rest["advantages"] * term).masked_fill(~rest["mask"], 0.0)
        close(found.per_token, expected, 1e-10)


@pytest.mark.parametrize("how", EVERY[::2], ids=lambda how: how["weight"])
def test_the_sparse_loss_is_both_in_one(how):
    logp, old, rest = distributions(apart=0.4)
    expected, _, _ = centered(logp, old, rest, k=4, **how)
    top = head(old, rest["tokens"], 4)
    found = centered_sparse_loss(logp.gather(-1, top.ids), top, **rest, **how)
    close(found.per_token, expected.per_token, 1e-12)
    for name, value in expected.diagnostics.items():
        close(found.diagnostics[name].to(D), value.to(D), 1e-12)


def test_a_token_that_the_policy_cannot_sample_is_an_infinite_loss_unless_there_is_no_advantage():
    """The sampler gives the last one a half."""
    logp, old = (tensor([[p]]).log() for p in ([0.7, 0.3, 0], [0.3, 0.2, 0.5]))
    logp.requires_grad_()
    ids, mask = torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1, dtype=torch.bool)
    for advantage, expected in ((1.0, -math.inf), (-1.0, math.inf), (0.0, 0.0)):
        given = {"advantages": tensor([[advantage]]), "mask": mask}
        loss = reinforce_loss(logp[..., 0], **given)
        found = center_scores(loss, logp, old, tokens=ids, **given)
        assert float(found.per_token.detach()) == expected
        assert slope(found.per_token, logp).isfinite().all()


# --- the method
# ------------------------------------------------------------------------------------------------


def test_in_the_loop_a_sampler_that_is_the_learner_has_no_drift():
    """And one of four bits has: a tenth of the gradient and more; the halves are those of its
    gradient, and centering takes one of them away."""
    exact = trained(Centered()).history
    assert (exact["drift"] < 1e-5).all() and ((exact["covariance"] - 1).abs() < 1e-5).all()
    plain, centered, top = (
        trained(m, sampler="int4", steps=1).history.iloc[0]
        for m in (Centered(center=False), Centered(), Centered(topk=40))
    )
    assert plain["drift"] > 0.05 and plain["drift"] == centered["drift"]
    whole = plain["grad_norm"]
    assert centered["grad_norm"] == pytest.approx(plain["covariance"] * whole, rel=1e-4)
    assert plain["push"] == centered["push"] != 0
    silent = trained(Centered(center=False, halves=False), sampler="int4", steps=1).history.iloc[0]
    assert "drift" not in silent and silent["grad_norm"] == whole
    assert abs(top["drift"] / plain["drift"] - 1) < 0.05
    ratio = trained(Centered(weight="ratio"), sampler="int4", steps=1).history.iloc[0]
    assert ratio["drift"] < 1e-5


def test_a_column_that_no_metric_has_and_an_anchor_that_did_not_sample_are_refused():
    class Wrong(Centered):
        def update(self, step):
            step.show(drfit=0.1)

    refused("MethodError: .*columns: expected one of 'drift', 'cov", trained, Wrong())
    message = r"MethodError: Centered.needs \(.*\): anchor: expected 'rollout', .* got 'recomputed'"
    refused(message, trained, Centered(), anchor="recomputed")


def test_small_tails_make_no_large_number():
    """The sampler keeps .1 for its tail, the policy next to nothing."""
    p = torch.tensor([[[1 - 3e-9, 1e-9, 1e-9, 1e-9]]])
    logits = p.log().requires_grad_()
    top = TopK(torch.tensor([[[0, 1]]]), torch.tensor([[[0.6, 0.3]]]).log())
    given = {"advantages": torch.ones(1, 1), "mask": torch.ones(1, 1, dtype=torch.bool)}
    full = logits.log_softmax(-1)
    loss = reinforce_loss(full[..., 0], **given)
    ids = torch.zeros(1, 1, dtype=torch.long)
    found = center_scores_topk(loss, full.gather(-1, top.ids), top, tokens=ids, **given)
    assert slope(found.per_token, logits).abs().max() < 1
    close(found.per_token, (0.3 - 0.1 / 1e-6 * 1e-9) * math.log(1e-9), 1e-4)
