"""The factor on the advantages: the four variants by hand, the limits, and what an expectation says
about them."""

import math

import pytest
import torch

from tests.losses import D, close, named, refused, tensor
from trlib.corrections import (
    Correction,
    expected_weight,
    m2po_mask,
    opsm_mask,
    top_entropy_mask,
    truncated_importance,
)

# Ratios: row 0 is (3, 1/2, junk) with product 3/2; row 1 is (1, 5, 1/4) with product 5/4.
RATIOS = tensor([[3.0, 0.5, 1.0], [1.0, 5.0, 0.25]])
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]], dtype=torch.bool)
ROLLOUT = torch.log(tensor([[0.1, 0.2, 0.3], [0.1, 0.1, 0.4]]))
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
        ("token", "reject", 2.0, [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]),
        ("sequence", "reject", 1.4, [[0.0, 0.0, 1.0], [1.0, 1.0, 1.0]]),
        ("geometric", "truncate", 2.0, [[1.5**0.5, 1.5**0.5, 1.0], [1.25 ** (1 / 3)] * 3]),
        ("geometric", "mask", 1.2, [[0.0, 0.0, 1.0], [1.25 ** (1 / 3)] * 3]),
    ],
)
def test_by_hand(level, how, cap, expected):
    for junk in (0.0, math.nan, math.inf, -math.inf):
        policies = OLD.masked_fill(~MASK, junk), ROLLOUT.masked_fill(~MASK, -junk)
        close(truncated_importance(*policies, MASK, cap=cap, level=level, how=how), expected, 1e-14)


def test_equal_policies_give_one_and_an_overflow_gives_the_cap():
    for level in ("token", "sequence", "geometric"):
        for how in ("truncate", "mask", "reject"):
            assert (truncated_importance(OLD, OLD, MASK, level=level, how=how) == 1).all()
    far = ROLLOUT.float() - 300
    assert truncated_importance(OLD.float(), far, MASK)[MASK].tolist() == [2.0] * 5
    assert truncated_importance(OLD.float(), far, MASK, how="mask")[MASK].tolist() == [0.0] * 5


def test_detached_and_wide():
    old = OLD.to(torch.bfloat16).requires_grad_()
    factor = truncated_importance(old, ROLLOUT.to(torch.bfloat16), MASK)
    assert not factor.requires_grad and factor.dtype == torch.float32


def test_bad_input_is_named():
    named(
        truncated_importance,
        {"logp_old": OLD, "logp_rollout": ROLLOUT, "mask": MASK},
        cap=(0,),
        floor=(3.0,),
        logp_old=(OLD / 0,),
    )


def test_a_floor_bounds_from_below():
    for how, expected in (
        ("truncate", [[2.0, 0.5, 1.0], [1.0, 2.0, 0.4]]),
        ("mask", [[0.0, 0.5, 1.0], [1.0, 0.0, 0.0]]),
        ("reject", [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]),
    ):
        factor = truncated_importance(OLD, ROLLOUT, MASK, cap=2.0, floor=0.4, how=how)
        close(factor, expected, 1e-14)
        close(factor, Correction(cap=2.0, floor=0.4, how=how).factor(OLD, ROLLOUT, MASK))


def drawn(seed, b=7, t=6, spread=0.5):
    """Log-probs of two policies, advantages of both signs and 0, and a mask with an empty row."""
    generator = torch.Generator().manual_seed(seed)
    logp = -0.1 - 2 * torch.rand(b, t, generator=generator, dtype=D)
    mask = torch.rand(b, t, generator=generator) < 0.7
    mask[0] = False
    other = (logp + spread * torch.randn(b, t, generator=generator, dtype=D)).clamp(max=-0.01)
    advantages = torch.randn(b, 1, generator=generator, dtype=D).expand(b, t).clone()
    advantages[1] = 0.0
    dirty = torch.full((b, t), math.nan, dtype=D)
    return {
        "logp": logp.where(mask, dirty),
        "other": other.where(mask, dirty),
        "advantages": advantages,
        "mask": mask,
    }


@pytest.mark.parametrize("seed", range(4))
def test_opsm_by_hand(seed):
    new, old, a, mask = drawn(seed).values()
    mask[2], mask[2, seed], a[2] = False, True, -1.0  # a completion of one token
    new[2], old[2] = -1.0, -0.9
    for delta in (-0.1, 0.07, 0.3):
        kept = opsm_mask(new, old, advantages=a, mask=mask, delta=delta)
        for i in range(len(mask)):
            steps = (old[i] - new[i])[mask[i]].tolist()
            drop = bool(steps) and a[i, 0].item() < 0 and sum(steps) / len(steps) > delta
            assert kept[i].tolist() == (mask[i] & (not drop)).tolist()


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_m2po_drops_the_largest_until_the_moment_is_within_the_budget(seed, signed):
    new, old, a, mask = drawn(seed).values()
    places = [*map(tuple, mask.nonzero().tolist())]
    step = {at: (new[at] - old[at]).item() for at in places}
    pushed = [at for at in places if not signed or step[at] * a[at].item() > 0]
    for budget in (1e-4, 0.04, 0.2, 10.0):
        how = {"budget": budget, "signed": signed}
        kept, harm = m2po_mask(new, old, advantages=a, mask=mask, **how), [*pushed]
        while harm and sum(step[at] ** 2 for at in harm) / len(harm) > budget:
            harm.remove(max(harm, key=lambda at: step[at] ** 2))
        assert {*map(tuple, kept.nonzero().tolist())} == {*places} - {*pushed} | {*harm}


def test_the_top_entropy_mask_by_hand():
    """The .6 quantile of 1, 2, 3, 4, 6 is 3.4; what is masked has no say."""
    mask = torch.tensor([[True, True, True], [True, True, False]])
    entropy = torch.tensor([[6.0, 1.0, 3.0], [2.0, 4.0, math.nan]], requires_grad=True)
    kept = top_entropy_mask(entropy, mask, share=0.4)
    assert kept.tolist() == [[True, False, False], [False, True, False]] and not kept.requires_grad
    assert torch.equal(top_entropy_mask(entropy, mask, share=1), mask)
    assert top_entropy_mask(entropy, mask, share=1e-9).sum() == 1
    level = torch.ones(2, 3)
    assert torch.equal(top_entropy_mask(level, mask), mask), "equal entropies at the edge stay"
    assert not top_entropy_mask(level, torch.zeros_like(mask)).any()


def test_masks_refuse_bad_settings_by_name():
    pair = {"logp": OLD, "advantages": OLD, "mask": MASK}
    named(top_entropy_mask, {"entropy": OLD, "mask": MASK}, share=(0,))
    named(m2po_mask, pair | {"logp_old": ROLLOUT}, budget=(0,))


@pytest.mark.parametrize("how", ["truncate", "mask", "reject"])
@pytest.mark.parametrize(("tokens", "level"), [(1, "token"), (12, "sequence")])
@pytest.mark.parametrize(
    ("sigma", "bound"), [(0.05, 2.0), (0.3, 1.1), (0.3, 3.0), (0.6, 0.7), (0.9, 2.0)]
)
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


@pytest.mark.parametrize("how", ["truncate", "mask", "reject"])
def test_the_expected_weight_depends_on_the_sum_of_squares_and_loses_nothing_without_noise_or_bound(
    how,
):
    assert expected_weight(0.06, 100, how, 3.0) == pytest.approx(
        expected_weight(0.03, 400, how, 3.0)
    )
    assert expected_weight(0.0, 400, how, 3.0) == expected_weight(0.5, 400, how, math.inf) == 1.0
    assert expected_weight(0.0, 400, how, 0.5) == (0.5 if how == "truncate" else 0.0)
    shares = [expected_weight(0.03, tokens, how, 3.0) for tokens in (1, 100, 1000, 10_000, 100_000)]
    assert how == "reject" or (shares == sorted(shares, reverse=True) and shares[-1] < 1e-5)
    assert how != "reject" or shares[-1] > 0.99, (
        "most products shrink to nothing, below any upper bound"
    )


def test_the_expected_weight_of_several_lengths_is_their_mean_and_more_than_that_of_the_mean():
    lengths = [100, 100, 1000, 10_000]
    alone = [expected_weight(0.07, length, "truncate", 2.0) for length in lengths]
    mean = expected_weight(0.07, lengths, "truncate", 2.0)
    assert mean == pytest.approx(sum(alone) / 4, abs=1e-12)
    assert mean > 2 * expected_weight(0.07, sum(lengths) // 4, "truncate", 2.0)
    refused(
        r"tokens: expected the length of one completion or more",
        expected_weight,
        0.1,
        [],
        "mask",
        3.0,
    )
    refused(
        r"tokens: expected a whole number, got 2.5", expected_weight, 0.1, [10, 2.5], "mask", 3.0
    )


def test_bad_input_of_the_expected_weight_is_named():
    given = {"sigma": 0.1, "tokens": 10, "how": "mask", "bound": 3.0}
    bad = {"sigma": (-0.1,), "tokens": (0,), "how": ("clip",), "bound": (0,)}
    named(expected_weight, given, **bad)
