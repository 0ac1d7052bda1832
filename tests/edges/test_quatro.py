"""QUATRO's weights against their formula, its groups, and the method."""

import math

import pytest
import torch

from tests.losses import batch, close, noise, tensor
from trlib.algorithms import Scores
from trlib.algorithms.dual import solve_dual
from trlib.algorithms.quatro import QUATRO, pull_to_target, quatro_loss

both_ways = pytest.mark.parametrize("direction", ["backward", "forward"])
every_form = pytest.mark.parametrize("form", ["ratio", "exact", "regression"])


# --- the loss
# --------------------------------------------------------------------------------------------------


def drawn(**changes):
    """Three prompts of four completions, whose rows are not adjacent, and ragged tokens."""
    draw = torch.Generator().manual_seed(0)
    logp = -1 - noise(12, 5, seed=1).abs()
    known = {
        "logp": logp.requires_grad_(),
        "logp_rollout": logp.detach() + 0.2 * noise(12, 5, seed=2),
        "rewards": noise(12, seed=3),
        "group": torch.arange(3).repeat(4),
        "mask": torch.arange(5) < torch.randint(1, 6, (12, 1), generator=draw),
    }
    return known | changes


def test_kept_is_false_where_the_group_teaches_nothing_and_floored_where_it_ends_at_the_floor():
    b = drawn()
    other = b["group"] != 1
    b["rewards"] = b["rewards"].where(other, 0.5)
    loss = quatro_loss(**b)
    assert torch.equal(loss.diagnostics["kept"], b["mask"] & other.unsqueeze(-1))
    assert (loss.diagnostics["weight"][~other] == 0).all() and (loss.per_token[~other] == 0).all()
    # 3 of 4, 1 of 4, 4 of 4 right
    b["rewards"] = tensor([1.0, 0.0, 1.0] * 3 + [0.0, 1.0, 1.0])
    floored = quatro_loss(**b, delta_kl=0.3).diagnostics["floored"]
    assert torch.equal(floored, b["mask"] & (b["group"] == 0).unsqueeze(-1))


def test_without_a_price_a_push_is_kept_and_nothing_pulls_back():
    logp, rollout = tensor([[-1.0, -2.0]] * 3), tensor([[-1.5, -2.0]] * 3)
    numbers = {"multiplier": tensor([0.0, 0.0, 2.0]), "push": tensor([0.7, 0.0, 0.0])}
    found = pull_to_target(logp, rollout, mask=logp < 0, **numbers).diagnostics
    assert found["kept"].tolist() == [[True] * 2, [False] * 2, [True] * 2]
    r = math.exp(0.5)
    close(found["weight"], tensor([[0.7 * r, 0.7], [0.0, 0.0], [-r, -1.0]]), 1e-12)
    assert found["target"].tolist() == [[0.0, 0.0]] * 3


@every_form
def test_huge_log_ratios_stay_finite(form):
    logp = torch.tensor([[-1.0, -200.0], [-1.0, -1.0]])
    rollout = torch.tensor([[-200.0, -1.0], [-300.0, -300.0]])
    given = {"rewards": torch.tensor([1.0, 0.0]), "group": torch.zeros(2, dtype=torch.int)}
    loss = quatro_loss(logp, rollout, **given, mask=logp < 0, form=form)
    assert bool(torch.isfinite(loss.per_token).all())


# --- the method
# --------------------------------------------------------------------------------------------------


def batch_of(b):
    names = ("logp_rollout", "rewards", "group")
    return batch(b["mask"], **{name: b[name] for name in names})


@both_ways
def test_prepared_advantages_are_the_bracket_before_any_update(direction):
    b = drawn()
    b["mask"][:, 0] = True
    method = QUATRO(direction=direction)
    ready = method.prepare(batch_of(b))
    first = method.objective(Scores(b["logp_rollout"].clone()), ready).diagnostics["weight"]
    close(ready.advantages.masked_fill(~b["mask"], 0.0), first)
    if direction == "backward":
        own = b["group"] == 2
        offset = solve_dual(b["rewards"][own].unsqueeze(0), delta_kl=0.1).offset
        close(ready.advantages[own, 0], b["rewards"][own] - offset)
