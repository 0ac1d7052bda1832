"""Whole batches recomputed by hand: from the completions and the weights before them to the loss, its
gradient and the weights after them (`test_columns.py` has the rest of the history).

What a batch of the defaults would hide is in them: a temperature that is not 1, completions of
different lengths and none as long as the limit, some that a filter masks, a prompt whose rewards
are equal, a reference with a weight that changes, a correction that binds, a sampler that is a batch
behind, two passes over two minibatches, a warm-up, weight decay, a gradient that is clipped."""

import math
from dataclasses import dataclass, replace
from statistics import fmean

import pytest
import torch

import trlib
from tests.losses import close
from trlib.algorithms import GRPO, Correction, Reference
from trlib.seeds import derive, generator

TEMPERATURE, LIMIT, PROMPTS, GROUP, EPOCHS, PARTS = 0.7, 20, 4, 4, 2, 2
WARMUP, LR, DECAY, NORM, CAP = 6, 0.3, 0.01, 0.2, 1.02
SETTINGS = {
    "temperature": TEMPERATURE,
    "max_tokens": LIMIT,
    "prompts": PROMPTS,
    "group": GROUP,
    "epochs": EPOCHS,
    "minibatches": PARTS,
    "lag": 1,
    "lr": LR,
    "optimizer": "sgd",
    "betas": (0.0, 0.0),
    "weight_decay": DECAY,
    "grad_norm": NORM,
    "warmup": WARMUP,
    "progress": False,
}
LEFT = torch.arange(PROMPTS * GROUP) % 5 != 0
"""[B] bool: the completions that the filter leaves."""


def log_probs(policy, c):
    """[B, T] at the temperature, from those at temperature 1."""
    full = (policy.score(c, full=True).full / TEMPERATURE).log_softmax(-1)
    return full.gather(-1, c.tokens.unsqueeze(-1)).squeeze(-1)


def rewards_of(c, batch):
    task = trlib.load_task("dial")
    prompts = task.prompts(PROMPTS, seed=derive(0, "train", batch))
    rows = zip(c.group.tolist(), c.texts(), c.ended.tolist(), strict=True)
    return torch.tensor([task.verify(prompts[g], text, ended=end).reward for g, text, end in rows])


class ByHand:
    """A run written out: the policy that learns, and the first one, which is the reference and with
    a lag of one batch the sampler of both batches."""

    def __init__(self):
        self.policy, self.first = trlib.load_policy("dial"), trlib.load_policy("dial")
        self.descent = torch.optim.SGD(self.policy.parameters, lr=1.0, weight_decay=DECAY)
        self.updates = 0

    def batch(self, c, number):
        """Learn from a batch; its loss and its gradient's norm, means of its updates."""
        rewards = rewards_of(c, number)
        baseline = rewards.view(PROMPTS, GROUP).mean(1).repeat_interleave(GROUP)
        self.mask = c.mask & LEFT.unsqueeze(1)
        self.old, self.ref = (log_probs(p, c).detach() for p in (self.policy, self.first))
        close(c.logp[c.mask], self.ref[c.mask], 1e-4)
        self.a = (rewards - baseline).unsqueeze(1) * (self.old - self.ref).exp().clamp(max=CAP)
        updates = []
        for epoch in range(EPOCHS):  # whole prompts, in an order that is new in every epoch
            order = torch.randperm(PROMPTS, generator=generator(0, "order", number, epoch))
            rows = torch.arange(PROMPTS * GROUP).view(PROMPTS, GROUP)[order]
            updates += [self.update(c, part) for part in rows.view(PARTS, -1)]
        return [fmean(column) for column in zip(*updates, strict=True)]

    def update(self, c, rows):
        """PPO's clip and β times k3 to the reference: summed, over the limit, over the completions
        that have a token. β is far below its target, and is halved before each batch."""
        new, (mask, a, old, ref) = (
            log_probs(self.policy, c.rows(rows)),
            (x[rows] for x in (self.mask, self.a, self.old, self.ref)),
        )
        r, d = (new - old).exp(), ref - new
        beta = 0.3 / 2 ** math.ceil(self.updates / 4 + 0.1)
        per_token = beta * (d.exp() - d - 1) - torch.minimum(r * a, r.clamp(0.8, 1.2) * a)
        loss = (per_token * mask).sum() / LIMIT / mask.any(1).sum()
        self.descent.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters, NORM)
        self.updates += 1
        self.descent.param_groups[0]["lr"] = LR * min(1, self.updates / WARMUP)
        self.descent.step()
        return float(loss.detach()), float(norm)


@dataclass(frozen=True, kw_only=True)
class Filtered(GRPO):
    """Dr.GRPO's means, and a filter of whole completions."""

    advantage: str = "group-mean"
    aggregation: str = "seq-mean-token-sum-norm"

    def prepare(self, batch):
        return replace(super().prepare(batch), mask=batch.mask & LEFT.unsqueeze(1))


def test_two_batches_with_a_reference_and_a_filter():
    hand = ByHand()
    near = Reference(beta=0.3, estimator="k3", controller="ppo", target_kl=100.0)
    for steps in (1, 2):
        policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
        method = Filtered(reference=near, correction=Correction(cap=CAP))
        run = trlib.train(policy, task, method, **SETTINGS, steps=steps)
        row, expected = run.history.iloc[-1], hand.batch(run.last, steps - 1)
        found = [row["loss"], row["grad_norm"], row["beta_ref"]]
        assert found == pytest.approx([*expected, 0.3 / 2**steps], rel=1e-3, abs=2e-6)
        for ours, theirs in zip(hand.policy.parameters, policy.parameters, strict=True):
            close(theirs, ours, 1e-4)
        # What the test is about was there.
        lengths = run.last.mask.sum(1)
        assert lengths.min() < lengths.max() == run.last.tokens.shape[1] < LIMIT
        assert (hand.a == 0).all(1).any() and 0 < row["kept_pos"] < 1 and 0 < row["kept_neg"] < 1
        assert row["grad_norm"] > NORM and (steps == 1 or row["kl_sampler"] > 1e-3)
        far = ((hand.old - hand.ref).exp() > CAP)[hand.mask].double().mean()
        assert steps == 1 or 0 < far < 1
