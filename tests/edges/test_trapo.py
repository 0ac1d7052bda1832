"""TrSFT's optimum, the micro-groups, and TRAPO's baselines."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses import D, close, refused, resumed, trained
from trlib.algorithms import TRAPO, SFTPlusRL, SFTThenRL, Stage
from trlib.algorithms.trapo import MICRO_GROUPS, micro_groups, truncated_expert


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 12),
    alpha=st.floats(0.01, 1.0),
    sharpness=st.floats(0.1, 5.0),
)
def test_no_distribution_beats_the_truncated_expert(seed, size, alpha, sharpness):
    g = torch.Generator().manual_seed(seed)
    expert = (sharpness * torch.randn(3, size, generator=g, dtype=D)).softmax(-1)

    def value(p):
        return (
            expert
            * torch.where(p >= alpha, p.clamp(min=1e-300).log(), p / alpha - 1 + math.log(alpha))
        ).sum(-1)

    best = truncated_expert(expert, alpha=alpha)
    close(best.sum(-1), torch.ones(3, dtype=D))
    close(truncated_expert(expert[None], alpha=alpha)[0], best)
    assert (best >= 0).all()
    for _ in range(20):
        other = torch.randn(3, size, generator=g, dtype=D).mul(3).softmax(-1)
        for step in (1.0, 1e-2, 1e-4):
            assert (value(best + step * (other - best)) <= value(best) + 1e-12).all()


def test_micro_groups():
    """Groups of (4, 2, 1, 1) with prefixes (0, .25, .5, 1); used below 2 of 4, 4 of 6, 7 of 7."""
    assert [(s.count, s.prefix, s.below) for s in MICRO_GROUPS] == [
        (4, 0, None),
        (2, 0.25, 2),
        (1, 0.5, 4),
        (1, 1, 7),
    ]
    assert micro_groups(8) == MICRO_GROUPS
    assert micro_groups(8, adaptive=False) == tuple(Stage(s.count, s.prefix) for s in MICRO_GROUPS)
    assert micro_groups(16) == (Stage(8), Stage(4, 0.25, 4), Stage(2, 0.5, 8), Stage(2, 1, 14))
    assert micro_groups(4) == (Stage(2), Stage(1, 0.25, 1), Stage(1, 0.5, 2))
    assert micro_groups(1) == (Stage(1),)
    for group in range(1, 65):
        stages = micro_groups(group)
        assert sum(s.count for s in stages) == group and stages[0].prefix == 0
        assert abs(stages[0].count - group / 2) <= 0.5


# -- the loop
# --------------------------------------------------------------------------------------------------


def test_sft_then_rl_turns_at_its_batch_and_survives_a_break(tmp_path):
    made = partial(SFTThenRL, sft_batches=2)
    whole = resumed(made, tmp_path, steps=4, group=8, probe=4)
    assert whole.prompts.groupby("batch").guided.mean().tolist() == [1, 1, 0, 0]
    assert whole.history.reward.isna().tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("method", "guided"), [(SFTPlusRL(), 1 / 8), (TRAPO(adaptive=False), 1 / 2)]
)
def test_what_is_not_adaptive_always_guides(method, guided, recwarn):
    used = {"minibatches": 2, "epochs": 2, "lag": 1, "anchor": "rollout"}
    run = trained(method, group=8, probe=4, **used)
    assert (run.prompts.guided == guided).all() and run.history.grad_norm.gt(0).all()
    whole = torch.arange(len(run.last)) % 8 == 7
    assert run.last.ended[whole].all() and not run.last.mask[whole].any()
    assert run.last.mask[~whole].any(1).all()


def test_a_group_of_one_has_no_room_for_an_expert():
    refused(".*group: expected at least 2", trained, SFTPlusRL(), steps=1, group=1)
    assert [stage.count for stage in SFTPlusRL().plan(2, 0)] == [1, 1]
