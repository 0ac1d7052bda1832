"""What the loop does not compute, because it is known: the same values and gradients."""

import dataclasses
from functools import partial

import pandas as pd
import pytest
import torch

import trlib
from tests.by_day import by_day
from tests.core.loop import runs
from tests.core.loop.runs import TIMINGS
from tests.losses import close, refused
from trlib.algorithms import (
    ALGORITHMS,
    DPPO,
    GRPO,
    GSPO,
    PGIS,
    PPO,
    REINFORCE,
    Correction,
    proportional,
)
from trlib.algorithms.method import is_proportional
from trlib.model.policy import Policy

trained = partial(runs.trained, checkpoint_every=2)


PROPORTIONAL = [name for name, kind in ALGORITHMS.items() if is_proportional(kind)]


class Right(GRPO):
    """Declared proportional, and so."""

    @proportional
    def objective(self, scores, batch):
        batch.memory["calls"] = batch.memory.get("calls", 0) + 1
        return super().objective(scores, batch)


class Wrong(Right):
    """Declared, and not so: it pulls every token back to the policy that sampled."""

    @proportional
    def objective(self, scores, batch):
        loss = super().objective(scores, batch)
        pull = (scores.logp - batch.logp_rollout).square() * batch.mask
        return dataclasses.replace(loss, per_token=loss.per_token + pull)


def test_a_wrong_declaration_is_found_in_the_first_batch():
    refused(
        r"MethodError: batch 0: Wrong.objective .*: proportional: Wrong.objective is declared so",
        trained,
        Wrong(),
        steps=2,
    )
    # The check leaves no trace; and where nothing is left out a wrong declaration does no harm.
    assert trained(Right(), steps=2).history.calls.tolist() == [1, 2]
    assert "calls" in trained(Wrong(), steps=1, minibatches=2).history


SAVED = {"steps": 3, "prompts": 6, "group": 8, "probe": 8, "max_tokens": 10, "lr": 1e-3}


def alike(one, other):
    """Whether every column of two runs, and the last gradient, agree but for rounding; raises what
    differs."""
    frames = (run.history.drop(columns=TIMINGS) for run in (one, other))
    pd.testing.assert_frame_equal(*frames, check_exact=False, atol=2e-6, rtol=1e-5)
    for p, q in zip(one.policy.parameters, other.policy.parameters, strict=True):
        # Weights of 16 bits keep their gradient elsewhere.
        close(*((p, q) if p.grad is None else (p.grad, q.grad)), 1e-6)
    return True


@pytest.mark.parametrize("name", by_day(PROPORTIONAL, "gspo", reason="the other methods"))
@pytest.mark.parametrize("saving", ["sharing", "dropping"])
def test_a_saving_changes_no_value_and_no_gradient(name, saving):
    one, other = (
        trained(ALGORITHMS[name](), anchor="recomputed", without=without, **SAVED)
        for without in ((), (saving,))
    )
    assert alike(one, other)
    assert one.policy.trees is True and other.policy.share is True
    assert other.policy.trees is (None if saving == "sharing" else True)


class Curious(GRPO):
    """An objective of one's own on top of one that is proportional."""

    def objective(self, scores, batch):
        loss = super().objective(scores, batch)
        return dataclasses.replace(loss, per_token=loss.per_token + 0.01 * scores.logp * batch.mask)


class Weighing(GRPO):
    """A loss of one's own that looks at every completion's log-probs."""

    def loss(self, per_token, batch):
        weights = torch.softmax((batch.logp_old * batch.mask).sum(1), 0)
        return (per_token.sum(1) * weights).sum()


class Twice(GRPO):
    """An update of one's own."""

    def update(self, step):
        step.loss()
        step.descend(step.loss())


REWARD = REINFORCE(advantage="reward")


SKIPPED = [
    *((ALGORITHMS[name](), {"anchor": "recomputed"}) for name in PROPORTIONAL),
    (REWARD, {}),
    (REINFORCE(advantage="reward", shift=-1.0), {}),  # silent where it is right
    (GRPO(advantage="right-only"), {}),
    (PPO(advantage="mixed-reward"), {"at_once": 5}),
]
"""Completions that are silent, and a learner that samples."""


SCORED = [
    (REWARD, {"lag": 3}),
    (PGIS(advantage="mixed-reward"), {"sampler": "int4"}),
    (GSPO(advantage="wrong-only"), {"logit_noise": 0.5}),
    (GRPO(), {"dtype": "bfloat16"}),
    (PPO(shift=0.1), {}),
    (Curious(), {}),
    (Weighing(), {}),
    (Twice(), {}),
    (GRPO(beta=0.1), {}),
    (GRPO(), {"anchor": "rollout"}),
    (GRPO(), {"minibatches": 2}),
    (DPPO(measure="full"), {"anchor": "recomputed"}),
    (GRPO(correction=Correction()), {}),
]
"""A sampler that is not the learner, or its numbers; or nothing that is silent."""


@pytest.mark.parametrize(
    ("method", "settings", "skips"),
    by_day(
        [(*case, True) for case in SKIPPED] + [(*case, False) for case in SCORED],
        *((*case, True) for case in SKIPPED[-2:]),
        *((*case, False) for case in SCORED[::3]),
        reason="the other methods",
    ),
)
def test_skipping_changes_no_column_and_no_gradient(method, settings, skips, monkeypatch):
    scored, score = [], Policy.score

    def counted(self, completions, **more):
        scored[-1] += len(completions)
        return score(self, completions, **more)

    monkeypatch.setattr(Policy, "score", counted)
    runs, dtype = [], settings.get("dtype", "auto")
    more = {name: value for name, value in settings.items() if name != "dtype"}
    for without in ((), ("skipping",)):
        scored.append(0)
        policy = trlib.load_policy("dial", dtype=dtype)
        runs.append(trained(method, policy, without=without, **SAVED, **more))
    assert alike(*runs)
    assert (scored[0] < scored[1]) is skips
