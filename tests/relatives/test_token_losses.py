"""What holds for every loss of tokens in the gallery, in one place: a new loss is one more line in
RATIOS or STALE."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from trlib.algorithms import TokenLoss, gspo_loss, pg_is_loss, ppo_loss
from trlib.corrections import m2po_mask, opsm_mask
from trlib.relatives.asynchrony.masks import (
    clip_cov_mask,
    cppo_mask,
    ln_trm_mask,
    trm_mask,
    vaco_mask,
    without,
)
from trlib.relatives.asynchrony.penalties import dro_loss, kl_cov_loss, quadratic_loss
from trlib.relatives.asynchrony.weights import a3po_loss, ctpo_loss, topr_loss, vespo_loss
from trlib.relatives.ratios import (
    bandpo_loss,
    bapo_loss,
    cpgd_loss,
    minpro_loss,
    r2vpo_loss,
    trefree_loss,
    turns_of,
)

Loss = Callable[..., TokenLoss]
D = torch.float64
close = partial(torch.testing.assert_close, rtol=1e-12, atol=1e-14)


def masked(rule, **fixed):
    """r A without what a mask leaves out, as a loss of tokens."""

    def loss(logp, old, *, advantages, mask):
        credit = (
            {"mask": mask}
            if rule in (trm_mask, ln_trm_mask)
            else {"advantages": advantages, "mask": mask}
        )
        return without(
            pg_is_loss,
            rule(logp, old, **credit, **fixed),
            logp,
            old,
            advantages=advantages,
            mask=mask,
        )

    return loss


def clip_cov(logp, old, *, advantages, mask):
    keep = clip_cov_mask(
        logp,
        old,
        advantages=advantages,
        mask=mask,
        share=0.2,
        low=0.1,
        draw=torch.Generator().manual_seed(0),
    )
    return without(ppo_loss, keep, logp, old, advantages=advantages, mask=mask)


def turn_by_turn(logp, old, *, advantages, mask):
    window = {"eps_low": 0.2, "eps_high": 0.2}
    return gspo_loss(logp, old, advantages=advantages, mask=mask, turns=turns_of(mask, 2), **window)


RATIOS: dict[str, Loss] = {
    "bapo": bapo_loss,
    "bapo by gradient": partial(bapo_loss, count="gradient", low_most=0.9, high_most=3.0),
    "minpro": minpro_loss,
    "minpro without a floor": partial(minpro_loss, eps_low=1.0, eps_high=4.0),
    "cpgd": partial(cpgd_loss, alpha=0.3),
    "r2vpo": partial(r2vpo_loss, lam=0.3),
    "trefree": trefree_loss,
    "bandpo": bandpo_loss,
    "turns": turn_by_turn,
}
"""Of `trlib.relatives.ratios`."""
STALE: dict[str, Loss] = {
    "vespo": vespo_loss,
    "topr": topr_loss,
    "topr by token": partial(topr_loss, level="token"),
    "ctpo": ctpo_loss,
    "ctpo, wide": partial(ctpo_loss, low=0.5, high=0.8, cap=0.9, power=0.0),
    "a3po": a3po_loss,
    "drpo": partial(quadratic_loss, eps=0.3, by_probability=True),
    "dro": partial(dro_loss, beta=0.5),
    "cfpo": partial(quadratic_loss, eps=0.2),
    "kl_cov": partial(kl_cov_loss, share=0.2),
    "m2po": masked(m2po_mask),
    "opsm": masked(partial(opsm_mask, delta=0.1)),
    "trm": masked(trm_mask, delta_max=0.3, delta_mean=0.1),
    "ln_trm": masked(ln_trm_mask, delta_mean=0.4),
    "vaco": masked(vaco_mask),
    "cppo": masked(cppo_mask, delta=0.1),
    "clip_cov": clip_cov,
}
"""Of `trlib.relatives.asynchrony`."""
LOSSES = RATIOS | STALE
every_loss = pytest.mark.parametrize("name", LOSSES)


def data(seed: int = 0, dtype: torch.dtype = D) -> dict[str, Tensor]:
    """Ratios from far below to far above 1, both signs of A and a 0, holes in the mask."""
    draw = torch.Generator().manual_seed(seed)
    logp = -0.05 - 1.5 * torch.randn(6, 5, generator=draw, dtype=D).abs()
    old = (logp + 0.4 * torch.randn(6, 5, generator=draw, dtype=D)).clamp(max=-0.01)
    mask = torch.rand(6, 5, generator=draw) < 0.75
    mask[0], mask[1] = True, False
    advantages = torch.randn(6, 5, generator=draw, dtype=D)
    advantages[3, 1] = 0.0
    return {
        "logp": logp.to(dtype),
        "logp_old": old.to(dtype),
        "advantages": advantages.to(dtype),
        "mask": mask,
    }


def run(name: str, arguments: dict[str, Tensor]):
    """What a loss gives, and the gradient of its sum."""
    logp = arguments["logp"].detach().clone().requires_grad_()
    result = LOSSES[name](
        logp, arguments["logp_old"], advantages=arguments["advantages"], mask=arguments["mask"]
    )
    return result, torch.autograd.grad(result.per_token.sum(), logp)[0]


def at(ratio: float | list[float], advantage: float | list[float]) -> dict[str, Tensor]:
    """One completion whose tokens have these ratios and advantages."""
    r = torch.tensor(ratio, dtype=D).reshape(1, -1)
    old = torch.full_like(r, -5.0)
    return {
        "logp": old + r.log(),
        "logp_old": old,
        "mask": r > 0,
        "advantages": torch.tensor(advantage, dtype=D).reshape(1, -1).expand_as(r),
    }


@every_loss
@pytest.mark.parametrize("seed", range(4))
def test_autograd_is_minus_the_weight(name, seed):
    result, grad = run(name, data(seed))
    torch.testing.assert_close(
        grad, -result.diagnostics["weight"], rtol=1e-12, atol=1e-12 if name in RATIOS else 1e-14
    )
    assert result.diagnostics["weight"].abs().max() > (0.1 if name in RATIOS else 0.01)


@every_loss
@pytest.mark.parametrize("junk", [math.nan, math.inf, -math.inf, 1e30])
def test_what_is_masked_does_not_exist(name, junk):
    clean = data()
    dirty = {
        k: v.masked_fill(~clean["mask"], junk) if v.is_floating_point() else v
        for k, v in clean.items()
    }
    (expected, expected_grad), (result, grad) = run(name, clean), run(name, dirty)
    assert torch.equal(result.per_token, expected.per_token) and torch.equal(grad, expected_grad)
    assert (grad[~clean["mask"]] == 0).all() and not result.diagnostics["kept"][
        ~clean["mask"]
    ].any()
    assert (result.per_token[~clean["mask"]] == 0).all()
    for key, value in result.diagnostics.items():
        assert torch.equal(value, expected.diagnostics[key]) and not value.requires_grad, key


@every_loss
def test_new_padding_changes_nothing(name):
    """Padding before, between and behind: it enters no window, product, budget, minimum or mean,
    and moves no position."""
    arguments = data()
    columns = torch.tensor([-1, 0, 1, -1, 2, 3, 4, -1])
    moved = {
        k: torch.where(
            columns >= 0, v[:, columns], torch.tensor(0 if k == "mask" else math.nan).to(v)
        )
        for k, v in arguments.items()
    }
    (expected, expected_grad), (result, grad) = run(name, arguments), run(name, moved)
    close(grad[:, columns >= 0], expected_grad)
    close(result.per_token[:, columns >= 0], expected.per_token)


@every_loss
def test_at_ratio_one_it_is_the_policy_gradient(name):
    arguments = data()
    arguments["logp_old"] = arguments["logp"]
    result, _ = run(name, arguments)
    expected = arguments["advantages"].masked_fill(~arguments["mask"], 0.0)
    if name == "clip_cov":  # which draws some even then
        expected = expected * result.diagnostics["kept"]
    close(result.diagnostics["weight"], expected)
    assert name == "clip_cov" or torch.equal(result.diagnostics["kept"], arguments["mask"])


@every_loss
@pytest.mark.parametrize("far", [-300.0, 300.0])
@pytest.mark.parametrize("advantage", [-1.0, 0.0, 1.0])
def test_an_overflowing_ratio_makes_no_nan(name, far, advantage):
    arguments = data(dtype=torch.float32)
    arguments["logp"] = torch.full_like(arguments["logp"], -0.5) + min(far, 0)
    arguments["logp_old"] = torch.full_like(arguments["logp"], -0.5) - max(far, 0)
    arguments["advantages"] = torch.full_like(arguments["logp"], advantage)
    result, grad = run(name, arguments)
    for value in (grad, result.per_token, result.diagnostics["weight"]):
        assert not value.isnan().any()


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(name, dtype):
    result, grad = run(name, data(dtype=dtype))
    assert (
        result.per_token.dtype == result.diagnostics["weight"].dtype == torch.float32
        and grad.dtype == dtype
    )


@every_loss
@pytest.mark.parametrize(
    ("argument", "change", "error"),
    [
        ("logp", lambda x: x.tolist(), TypeError),
        ("logp_old", lambda x: x[:, :-1], ValueError),
        ("advantages", lambda x: x.masked_fill(x == x, math.nan), ValueError),
        ("mask", lambda m: m.float(), TypeError),
    ],
)
def test_bad_tensors_are_named(name, argument, change, error):
    arguments = data()
    arguments[argument] = change(arguments[argument])
    error, message = (
        (error, rf"^{argument}: expected") if name in RATIOS else ((error, AttributeError), None)
    )
    with pytest.raises(error, match=message):
        LOSSES[name](arguments.pop("logp"), arguments.pop("logp_old"), **arguments)
