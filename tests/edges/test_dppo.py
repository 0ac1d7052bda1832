"""DPPO's mask as a truth table, and its weights by hand."""

import math
from itertools import product

import pytest
import torch

from tests.losses import D, close, refused, sampled, slope, tensor
from tests.losses import distributions as dense
from tests.losses import tokens as drawn
from trlib import checks
from trlib.algorithms import TopK
from trlib.algorithms.dppo import dppo_loss, dppo_sparse_loss
from trlib.divergences import topk_kl, topk_tv


def row(*values):
    return tensor([values])


def tokens(p, q, advantages, **how):
    """The loss of one row whose tokens have these probabilities now and under the sampler."""
    new, old = row(*p).log(), row(*q).log()
    return dppo_loss(new, old, advantages=row(*advantages), mask=new <= 0, **how).diagnostics


GIVEN = {name: drawn()[name] for name in ("logp", "logp_rollout", "advantages", "mask")}


# --- the mask
# --------------------------------------------------------------------------------------------------

HIGH, LOW = 0.3, 0.1


@pytest.mark.parametrize(
    "how",
    [
        {"delta_tv": (LOW, HIGH)},
        {"delta_kl": (LOW, HIGH)},
        {"delta_tv": (LOW, HIGH), "signed": False},
    ],
)
def test_mask_is_zero_past_the_threshold_and_outwards_only(how):
    """Unsigned, it is zero past the threshold whatever the advantage."""
    for advantage, above_mu, divergence in product(
        (1.0, 0.0, -1.0), (True, False), (0.05, LOW, 0.2, HIGH, 0.31)
    ):
        q, p = (0.37, 0.4) if above_mu else (0.4, 0.37)
        loss = tokens([p], [q], [advantage], measured=row(divergence), **how)
        outwards = above_mu if advantage > 0 else not above_mu
        limit = HIGH if (advantage > 0 if how.get("signed", True) else above_mu) else LOW
        silenced = divergence > limit and (outwards or "signed" in how)
        assert loss["kept"].item() is not silenced
        close(loss["weight"], 0.0 if silenced else advantage * p / q)
        assert loss["divergence"].item() == divergence


# --- the method
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delta", ["delta_tv", "delta_kl"])
def test_a_log_prob_above_zero_is_a_rounding_of_its_type(delta):
    """Of bfloat16 it is one; in float32 it is none, and has the caller's name."""
    one = torch.ones(1, 1)
    given = {"advantages": one, "mask": one > 0, delta: 0.1}
    near = torch.tensor([[0.03]], dtype=torch.bfloat16)
    loss = dppo_loss(near, near - 1, **given)
    assert not loss.diagnostics["kept"].any() and loss.diagnostics["divergence"].isfinite().all()
    message = "logp_rollout: expected log-probabilities at most 0, got 0.03"
    refused(message, dppo_loss, -one, near.float(), **given)


def test_a_divergence_below_zero_is_rounding_or_refused():
    mask = GIVEN["mask"]
    little = torch.full(
        mask.shape, -1e-5, dtype=D
    )  # a difference of rounded log-probs may come out so
    outside = 0.0 - (~mask).to(D)  # below 0 where nothing is looked at
    for measured in (little, outside):
        assert dppo_loss(**GIVEN, measured=measured, delta_tv=0.1).diagnostics["kept"][mask].all()
    with checks.value_checks(False):
        loss = dppo_loss(**GIVEN, measured=outside - 1, delta_tv=0.1)
    assert loss.diagnostics["kept"][mask].all()


@pytest.mark.parametrize("delta", ["delta_tv", "delta_kl"])
@pytest.mark.parametrize("seed", range(3))
def test_the_sparse_loss_is_the_loss_measured_over_k_tokens(delta, seed):
    x, q, rest = dense(5, 4, 9, apart=0.7, seed=seed)
    x, ids, gone = x.requires_grad_(), rest.pop("tokens"), ~rest["mask"]
    kept = q.scatter(-1, ids.unsqueeze(-1), math.inf).topk(4).indices
    few, old = x.gather(-1, kept), q.gather(-1, kept)
    how = {delta: 0.1, "max_ratio": 1.5, **rest}
    measured = (topk_tv if delta == "delta_tv" else topk_kl)(old, kept, x.detach())
    expected = dppo_loss(sampled(x, ids), sampled(q, ids), measured=measured, **how)
    junk = gone.unsqueeze(-1)
    dirty = TopK(kept.masked_fill(junk, -1), old.masked_fill(junk, math.nan))
    found = dppo_sparse_loss(few, dirty, tokens=ids.masked_fill(gone, -100), **how)
    close(found.per_token, expected.per_token, 1e-12)
    close(slope(found.per_token, x), slope(expected.per_token, x), 1e-12)
    assert torch.equal(found.diagnostics["kept"], expected.diagnostics["kept"])
    assert 0 < found.diagnostics["kept"].sum() < rest["mask"].sum()
    missing = TopK(kept, old.masked_fill(kept == ids.unsqueeze(-1), -math.inf))
    message = r"tokens: expected each sampled token among old\.ids"
    refused(message, dppo_sparse_loss, few, missing, tokens=ids, **how)
