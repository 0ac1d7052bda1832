"""Completions that several policies write: every token has the log-prob of its own policy, given
all before it."""

import pytest
import torch

from tests.losses import close
from trlib import load_task
from trlib.model.partial_rollout import sample_in_segments
from trlib.seeds import generator


@pytest.fixture
def others(policy):
    """The policy, and two whose weights are further and further from it."""
    made = [policy]
    for scale in (0.05, 0.1):
        made.append(policy.copy())
        noise = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for p in made[-1].model.parameters():
                p += scale * torch.randn(p.shape, generator=noise) * p.std()
    return made


def drawn(policies, max_tokens=7, **more):
    prompts = [p.text for p in load_task("dial", moves=(1, 8)).prompts(6, seed=3)]
    settings = {
        "group": 8,
        "max_tokens": max_tokens,
        "seed": generator(0, "x"),
        "full_rows": [0, 7, 41],
        "topk": 4,
    }
    return sample_in_segments([lambda p=p: p for p in policies], prompts, **{**settings, **more})


def test_every_token_has_the_log_prob_of_the_policy_that_wrote_it(others):
    c, segment = drawn(others)
    assert segment[0].tolist() == [0, 0, 0, 1, 1, 2, 2]  # seven tokens of three policies
    assert c.ended.any() and (c.mask & (segment == 2)).any()
    scored = [p.score(c, full=True) for p in others]
    expected = torch.stack([s.logp for s in scored]).gather(0, segment[None])[0]
    close(c.logp[c.mask], expected[c.mask], 1e-05)
    assert (scored[0].logp - expected)[c.mask & (segment > 0)].abs().max() > 0.01
    for slot, row in enumerate(c.full_rows.tolist()):
        for t in c.mask[row].nonzero().flatten().tolist():
            by = scored[int(segment[row, t])].full[row, t]
            close(c.full[slot, t], by, 0.0001)
            top = c.topk.ids[row, t]
            close(c.topk.logp[row, t], by[top], 0.0001)
            assert int(c.tokens[row, t]) in top


def test_nobody_is_asked_to_go_on_with_what_has_ended(policy):
    def unasked():
        raise AssertionError("every completion has ended")

    prompts = [p.text for p in load_task("dial", moves=1).prompts(2, seed=0)]
    c, segment = sample_in_segments(
        [lambda: policy, unasked],
        prompts,
        max_tokens=40,
        full_rows=[],
        group=2,
        seed=generator(0, "x"),
    )
    assert c.ended.all() and not segment.any()
