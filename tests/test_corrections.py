"""The factor on the advantages: the four variants by hand, the limits, and what an expectation says about them."""

from __future__ import annotations

import math

import pytest
import torch

from trlib.corrections import truncated_importance

D = torch.float64
# Ratios: row 0 is (3, 1/2, junk) with product 3/2; row 1 is (1, 5, 1/4) with product 5/4.
RATIOS = torch.tensor([[3.0, 0.5, 1.0], [1.0, 5.0, 0.25]], dtype=D)
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]], dtype=torch.bool)
ROLLOUT = torch.log(torch.tensor([[0.1, 0.2, 0.3], [0.1, 0.1, 0.4]], dtype=D))
OLD = ROLLOUT + RATIOS.log()


@pytest.mark.parametrize(
    ("level", "how", "cap", "expected"),
    [
        ("token", "truncate", 2.0, [[2.0, 0.5, 1.0], [1.0, 2.0, 0.25]]),
        ("token", "mask", 2.0, [[0.0, 0.5, 1.0], [1.0, 0.0, 0.25]]),
        ("sequence", "truncate", 2.0, [[1.5, 1.5, 1.0], [1.25, 1.25, 1.25]]),
        ("sequence", "truncate", 1.4, [[1.4, 1.4, 1.0], [1.25, 1.25, 1.25]]),
        ("sequence", "mask", 1.4, [[0.0, 0.0, 1.0], [1.25, 1.25, 1.25]]),
        ("token", "truncate", math.inf, [[3.0, 0.5, 1.0], [1.0, 5.0, 0.25]]),
    ],
)
@pytest.mark.parametrize("junk", [0.0, math.nan, math.inf, -math.inf])
def test_by_hand(level, how, cap, expected, junk):
    factor = truncated_importance(
        OLD.masked_fill(~MASK, junk), ROLLOUT.masked_fill(~MASK, -junk), MASK, cap=cap, level=level, how=how
    )
    torch.testing.assert_close(factor, torch.tensor(expected, dtype=D), rtol=1e-14, atol=0)


def test_defaults_are_tokens_truncated_at_two():
    torch.testing.assert_close(
        truncated_importance(OLD, ROLLOUT, MASK),
        truncated_importance(OLD, ROLLOUT, MASK, cap=2, level="token", how="truncate"),
    )


def test_equal_policies_give_one_and_an_overflow_gives_the_cap():
    for level in ("token", "sequence"):
        for how in ("truncate", "mask"):
            assert (truncated_importance(OLD, OLD, MASK, level=level, how=how) == 1).all()
    far = ROLLOUT.float() - 300
    assert truncated_importance(OLD.float(), far, MASK)[MASK].tolist() == [2.0] * 5
    assert truncated_importance(OLD.float(), far, MASK, how="mask")[MASK].tolist() == [0.0] * 5


def test_detached_and_wide():
    old = OLD.to(torch.bfloat16).requires_grad_()
    factor = truncated_importance(old, ROLLOUT.to(torch.bfloat16), MASK)
    assert not factor.requires_grad and factor.dtype == torch.float32


def test_without_a_cap_the_expectation_moves_from_sampler_to_learner():
    generator = torch.Generator().manual_seed(0)
    old, rollout = torch.randn(2, 1, 6, generator=generator, dtype=D).log_softmax(-1)
    values = torch.randn(1, 6, generator=generator, dtype=D)
    everything = torch.ones(1, 6, dtype=torch.bool)
    for cap, exact in ((math.inf, True), (1.0, False)):
        factor = truncated_importance(old, rollout, everything, cap=cap)
        estimate = (rollout.exp() * factor * values).sum()
        assert bool(abs(estimate - (old.exp() * values).sum()) < 1e-12) is exact
        # Truncation only ever loses mass.
        assert (rollout.exp() * factor).sum() <= 1 + 1e-12


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"cap": 0}, ValueError, "cap: expected a number above 0, got 0"),
        ({"cap": math.nan}, ValueError, "cap: expected a number above 0"),
        ({"cap": None}, TypeError, "cap: expected a number, got NoneType"),
        ({"level": "row"}, ValueError, "level: expected one of 'token', 'sequence', got 'row'"),
        ({"how": "clip"}, ValueError, "how: expected one of 'truncate', 'mask', got 'clip'"),
        ({"mask": MASK.int()}, TypeError, "mask: expected torch.bool, got torch.int32"),
        ({"logp_rollout": ROLLOUT[:, :2]}, ValueError, r"logp_rollout: expected \[B, T\] = \[2, 3\], got \[2, 2\]"),
        ({"logp_old": OLD / 0}, ValueError, "logp_old: expected finite values where the mask is True, got"),
        ({"logp_old": OLD[:0], "logp_rollout": ROLLOUT[:0], "mask": MASK[:0]}, ValueError, "size 0"),
    ],
)
def test_bad_input(change, error, message):
    with pytest.raises(error, match=message):
        truncated_importance(**({"logp_old": OLD, "logp_rollout": ROLLOUT, "mask": MASK} | change))
