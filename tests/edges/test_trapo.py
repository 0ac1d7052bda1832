"""TrSFT's weight and optimum, and the micro-groups, against the numbers of the method; TRAPO and
its baselines."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import trlib
from tests.losses import D, close, refused
from tests.losses import trained as short
from trlib.algorithms import TRAPO, SFTPlusRL, SFTThenRL, Stage
from trlib.algorithms.trapo import MICRO_GROUPS, micro_groups, truncated_expert
from trlib.tasks import Verdict


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


class Scripted:
    """`dial`, prompt i rewarded by the bits of i, whatever is answered; an expert is right."""

    name, max_tokens, settings = "dial", 16, {"name": "dial"}

    def __init__(self):
        self.task = trlib.load_task("dial")
        pool = {p.text: p for p in self.task.prompts(400, seed=0)}
        self.asked = list(pool.values())[:128]
        self.experts = self.task.demonstrations(self.asked, seed=0)
        self.of = {
            p.text: (i, text)
            for i, (p, text) in enumerate(zip(self.asked, self.experts, strict=True))
        }
        self.calls = dict.fromkeys(self.of, -1)

    def prompts(self, n, *, seed):
        return self.asked[:n]

    def demonstrations(self, prompts, *, seed):
        return self.experts[: len(prompts)]

    def verify(self, prompt, completion, *, ended):
        i, text = self.of[prompt.text]
        call = self.calls[prompt.text]
        self.calls[prompt.text] += 1
        if call < 0:  # the loop looks at the expert's answer first
            assert completion == text
            return Verdict(1.0, "right")
        return Verdict(float(i >> call & 1), "right" if i >> call & 1 else "wrong answer")


def test_the_loop_gives_prefixes_by_the_table_for_every_outcome():
    """All 2^7 outcomes of the first seven completions, through `train`: what is forced is what
    METHODS 8 says."""
    task, policy = Scripted(), trlib.load_policy("dial")
    how = {"steps": 1, "prompts": 128, "group": 8, "max_tokens": 9, "probe": 0}
    run = short(TRAPO(), policy=policy, task=task, **how)
    c = run.last
    forced = c.forced.sum(1).view(128, 8)
    for i in range(128):
        bits = [i >> k & 1 for k in range(7)]
        two = 2 if sum(bits[:4]) < 2 else 0
        half, whole = 4 if sum(bits[:6]) < 4 else 0, 9 if sum(bits) < 7 else 0
        assert forced[i].tolist() == [0, 0, 0, 0, two, two, half, whole]
        expert = [*policy.encode([task.experts[i]])[0], policy.end_id]
        for row in range(8):
            assert c.tokens[8 * i + row, : forced[i, row]].tolist() == expert[: forced[i, row]]
    assert not (c.forced & c.mask).any()
    whole = c.forced.sum(1) == 9
    assert c.ended[whole].all() and not c.mask[whole].any() and c.mask[~whole].any(1).all()
    free = forced == 0
    assert run.prompts.guided.tolist() == pytest.approx((1 - free.float().mean(1)).tolist())
    bits = torch.tensor(
        [[i >> k & 1 for k in range(8)] for i in range(128)]
    )  # the eighth completion earns 0
    assert run.rows[0]["reward"] == pytest.approx(float(bits[free].float().mean()))


# -- the loop
# --------------------------------------------------------------------------------------------------

trained = partial(short, group=8, probe=4, checkpoint_every=1)


def test_sft_then_rl_turns_at_its_batch_and_survives_a_break(tmp_path):
    method = SFTThenRL(sft_batches=2)
    whole = trained(method, steps=4)
    assert whole.prompts.groupby("batch").guided.mean().tolist() == [1, 1, 0, 0]
    assert whole.history.reward.isna().tolist() == [True, True, False, False]
    for steps in (1, 3, 4):
        again = trained(method, steps=steps, out=tmp_path, resume=steps > 1)
    assert again.history.loss.equals(whole.history.loss)
    assert all(
        torch.equal(a, b)
        for a, b in zip(again.policy.parameters, whole.policy.parameters, strict=True)
    )


@pytest.mark.parametrize(
    ("method", "guided"), [(SFTPlusRL(), 1 / 8), (TRAPO(adaptive=False), 1 / 2)]
)
def test_what_is_not_adaptive_always_guides(method, guided, recwarn):
    run = trained(method, steps=2, minibatches=2, epochs=2, lag=1, anchor="rollout")
    assert (run.prompts.guided == guided).all() and run.history.grad_norm.gt(0).all()


def test_a_group_of_one_has_no_room_for_an_expert():
    refused(".*group: expected at least 2", trained, SFTPlusRL(), steps=1, group=1)
    assert [stage.count for stage in SFTPlusRL().plan(2, 0)] == [1, 1]
