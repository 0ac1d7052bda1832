"""The gallery's ratios: golden values by hand, weights against autograd, and the traps that first readers fell into."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trlib.algorithms import ppo_loss
from trlib.relatives.ratios import (
    bapo_loss,
    cpgd_loss,
    minpro_loss,
    r2vpo_loss,
    trefree_loss,
)

D = torch.float64
LOSSES = {
    "bapo": (bapo_loss, {}), "bapo by gradient": (bapo_loss, {"count": "gradient", "low_most": 0.9, "high_most": 3.0}),
    "minpro": (minpro_loss, {}), "minpro without a floor": (minpro_loss, {"eps_low": 1.0, "eps_high": 4.0}),
    "cpgd": (cpgd_loss, {"alpha": 0.3}), "r2vpo": (r2vpo_loss, {"lam": 0.3}), "trefree": (trefree_loss, {}),
}
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
    return {"logp": logp.to(dtype), "logp_old": old.to(dtype), "advantages": advantages.to(dtype), "mask": mask}


def run(name: str, arguments: dict[str, Tensor]):
    loss, settings = LOSSES[name]
    logp = arguments["logp"].detach().clone().requires_grad_()
    result = loss(logp, arguments["logp_old"], advantages=arguments["advantages"], mask=arguments["mask"], **settings)
    return result, torch.autograd.grad(result.per_token.sum(), logp)[0]


def at(ratio: float | list[float], advantage: float | list[float]) -> dict[str, Tensor]:
    """One completion whose tokens have these ratios and advantages."""
    r = torch.tensor(ratio, dtype=D).reshape(1, -1)
    old = torch.full_like(r, -5.0)
    return {"logp": old + r.log(), "logp_old": old, "mask": r > 0,
            "advantages": torch.tensor(advantage, dtype=D).reshape(1, -1).expand_as(r)}


# What holds for every loss of tokens


@every_loss
@pytest.mark.parametrize("seed", range(4))
def test_autograd_is_minus_the_weight(name, seed):
    result, grad = run(name, data(seed))
    torch.testing.assert_close(grad, -result.diagnostics["weight"], rtol=1e-12, atol=1e-12)
    assert result.diagnostics["weight"].abs().max() > 0.1


@every_loss
@pytest.mark.parametrize("junk", [math.nan, math.inf, -math.inf, 1e30])
def test_what_is_masked_does_not_exist(name, junk):
    clean = data()
    dirty = {k: v.masked_fill(~clean["mask"], junk) if v.is_floating_point() else v for k, v in clean.items()}
    (expected, expected_grad), (result, grad) = run(name, clean), run(name, dirty)
    assert torch.equal(result.per_token, expected.per_token) and torch.equal(grad, expected_grad)
    assert (grad[~clean["mask"]] == 0).all() and not result.diagnostics["kept"][~clean["mask"]].any()
    assert (result.per_token[~clean["mask"]] == 0).all()
    for key, value in result.diagnostics.items():
        assert torch.equal(value, expected.diagnostics[key]) and not value.requires_grad, key


@every_loss
def test_new_padding_changes_nothing(name):
    """Padding before, between and behind: it enters no window, no minimum and no mean."""
    arguments = data()
    columns = torch.tensor([-1, 0, 1, -1, 2, 3, 4, -1])
    moved = {k: torch.where(columns >= 0, v[:, columns], torch.tensor(0 if k == "mask" else math.nan).to(v))
             for k, v in arguments.items()}
    (expected, expected_grad), (result, grad) = run(name, arguments), run(name, moved)
    torch.testing.assert_close(grad[:, columns >= 0], expected_grad, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(result.per_token[:, columns >= 0], expected.per_token, rtol=1e-12, atol=1e-14)


@every_loss
def test_at_ratio_one_it_is_the_policy_gradient(name):
    arguments = data()
    arguments["logp_old"] = arguments["logp"]
    result, _ = run(name, arguments)
    expected = arguments["advantages"].masked_fill(~arguments["mask"], 0.0)
    torch.testing.assert_close(result.diagnostics["weight"], expected, rtol=1e-12, atol=1e-14)
    assert torch.equal(result.diagnostics["kept"], arguments["mask"])


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
    assert result.per_token.dtype == result.diagnostics["weight"].dtype == torch.float32 and grad.dtype == dtype


@every_loss
@pytest.mark.parametrize(("argument", "change", "error"), [
    ("logp", lambda x: x.tolist(), TypeError), ("logp_old", lambda x: x[:, :-1], ValueError),
    ("advantages", lambda x: x.masked_fill(x == x, math.nan), ValueError), ("mask", lambda m: m.float(), TypeError),
])
def test_bad_tensors_are_named(name, argument, change, error):
    arguments = data()
    loss, settings = LOSSES[name]
    arguments[argument] = change(arguments[argument])
    with pytest.raises(error, match=rf"^{argument}: expected"):
        loss(arguments.pop("logp"), arguments.pop("logp_old"), **arguments, **settings)


# PPO with a window for each token


def test_a_window_for_each_token_is_the_number_where_all_are_alike():
    for seed in range(4):
        arguments = data(seed)
        logp, old = arguments.pop("logp"), arguments.pop("logp_old")
        wide = torch.full_like(logp, 0.28)
        number = ppo_loss(logp, old, **arguments, eps_low=0.28, eps_high=0.28)
        tensor = ppo_loss(logp, old, **arguments, eps_low=wide, eps_high=wide)
        mixed = ppo_loss(logp, old, **arguments, eps_low=wide, eps_high=0.28)
        for found in (tensor, mixed):
            assert torch.equal(found.per_token, number.per_token)
            assert torch.equal(found.diagnostics["weight"], number.diagnostics["weight"])


@pytest.mark.parametrize(("given", "message"), [
    ({"eps_low": torch.tensor([[0.1, 1.1]])}, "eps_low: expected a number at most 1, got 1.1"),
    ({"eps_high": torch.tensor([[0.1, -0.1]])}, "eps_high: expected a number at least 0, got -0.1"),
    ({"eps_high": torch.tensor([0.1])}, r"eps_high: expected \[B, T\]"),
    ({"eps_high": torch.tensor([[0.1, math.nan]])}, "eps_high: expected finite"),
])
def test_a_meaningless_window_for_a_token_is_named(given, message):
    zero = torch.zeros(1, 2)
    with pytest.raises(ValueError, match=message):
        ppo_loss(zero, zero, advantages=zero, mask=zero == 0, **given)
