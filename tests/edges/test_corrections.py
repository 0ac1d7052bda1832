"""The factor on the advantages: the four variants by hand, the limits, and what an expectation says
about them."""

import math

import pytest
import torch

from tests.losses import D, tensor
from trlib.corrections import (
    expected_weight,
    top_entropy_mask,
    truncated_importance,
)

# Ratios: row 0 is (3, 1/2, junk) with product 3/2; row 1 is (1, 5, 1/4) with product 5/4.
RATIOS = tensor([[3.0, 0.5, 1.0], [1.0, 5.0, 0.25]])
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]], dtype=torch.bool)
ROLLOUT = torch.log(tensor([[0.1, 0.2, 0.3], [0.1, 0.1, 0.4]]))
OLD = ROLLOUT + RATIOS.log()


def test_equal_policies_give_one_and_an_overflow_gives_the_cap():
    for level in ("token", "sequence", "geometric"):
        for how in ("truncate", "mask", "reject"):
            assert (truncated_importance(OLD, OLD, MASK, level=level, how=how) == 1).all()
    far = ROLLOUT.float() - 300
    assert truncated_importance(OLD.float(), far, MASK)[MASK].tolist() == [2.0] * 5
    assert truncated_importance(OLD.float(), far, MASK, how="mask")[MASK].tolist() == [0.0] * 5


def test_the_factor_of_a_long_row_is_exact_beyond_twenty_nats():
    """As the cap of the losses would not have it: 30 tokens of one nat each, below and above."""
    old, mask = torch.full((1, 30), -2.0, dtype=D), torch.ones(1, 30, dtype=torch.bool)
    for apart in (1.0, -1.0):  # nats a token
        factor = truncated_importance(old, old - apart, mask, level="sequence", cap=1e20)
        assert factor[0].tolist() == pytest.approx([math.exp(30 * apart)] * 30)


def test_detached_and_wide():
    old = OLD.to(torch.bfloat16).requires_grad_()
    factor = truncated_importance(old, ROLLOUT.to(torch.bfloat16), MASK)
    assert not factor.requires_grad and factor.dtype == torch.float32


def test_the_top_entropy_mask_at_its_ends():
    mask = torch.tensor([[True, True, True], [True, True, False]])
    level = torch.ones(2, 3).masked_fill(~mask, math.nan).requires_grad_()
    kept = top_entropy_mask(level, mask)
    assert torch.equal(kept, mask), "equal entropies at the edge stay"
    assert not kept.requires_grad and not top_entropy_mask(level, mask & ~mask).any()
    rising = torch.arange(6.0).view(2, 3)
    assert torch.equal(top_entropy_mask(rising, mask, share=1), mask)
    assert top_entropy_mask(rising, mask, share=1e-9).nonzero().tolist() == [[1, 1]]


@pytest.mark.parametrize("how", ["truncate", "mask", "reject"])
@pytest.mark.parametrize(("tokens", "level"), [(1, "token"), (12, "sequence")])
@pytest.mark.parametrize(("sigma", "bound"), [(0.3, 1.1), (0.6, 0.7), (0.9, 2.0)])
def test_the_expected_weight_is_the_mean_of_the_factor_on_normal_noise(
    how, tokens, level, sigma, bound
):
    generator = torch.Generator().manual_seed(tokens)
    rows = 200_000
    noise = sigma * torch.randn(rows, tokens, generator=generator, dtype=D) - sigma**2 / 2
    factor = truncated_importance(
        noise - 9,
        torch.full_like(noise, -9.0),
        torch.ones_like(noise, dtype=torch.bool),
        cap=bound,
        level=level,
        how=how,
    )[:, 0]
    error = float(factor.std()) / math.sqrt(rows)
    assert expected_weight(sigma, tokens, how, bound) == pytest.approx(
        float(factor.mean()), abs=5 * error + 1e-12
    )
