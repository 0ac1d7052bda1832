"""Whole batches recomputed by hand: from the completions and the weights before them to the columns
of the history and the weights after them.

What a batch of the defaults would hide is in them: a temperature that is not 1, completions of
different lengths and none as long as the limit, some that a filter masks, a prompt whose rewards
are equal, a reference with a weight that changes, a correction that binds, a sampler that is a batch
behind, two passes over two minibatches, a warm-up, weight decay, a gradient that is clipped."""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import trlib
from tests.losses import close
from trlib.algorithms import GRPO, Correction, Reference
from trlib.seeds import derive, generator

TEMPERATURE, LIMIT, PROMPTS, GROUP, EPOCHS = 0.7, 20, 4, 4, 2
SETTINGS = {
    "temperature": TEMPERATURE,
    "max_tokens": LIMIT,
    "prompts": PROMPTS,
    "group": GROUP,
    "epochs": EPOCHS,
    "lag": 1,
    "lr": 0.05,
    "optimizer": "sgd",
    "betas": (0.0, 0.0),
    "warmup": 0,
    "probe": PROMPTS * GROUP,
    "progress": False,
}
LEFT = torch.arange(PROMPTS * GROUP) % 5 != 0
"""[B] bool: the completions that the filter leaves."""


def run_of(method, steps=1, **more):
    policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
    return trlib.train(policy, task, method, **{**SETTINGS, "steps": steps, **more})


def log_probs(policy, c):
    """[B, T, V] at the temperature, from those at temperature 1."""
    return (policy.score(c, full=True).full / TEMPERATURE).log_softmax(-1)


def of_tokens(full, c):
    return full.gather(-1, c.tokens.unsqueeze(-1)).squeeze(-1)


def rewards_of(c, batch):
    task = trlib.load_task("dial")
    prompts = task.prompts(PROMPTS, seed=derive(0, "train", batch))
    rows = zip(c.group.tolist(), c.texts(), c.ended.tolist(), strict=True)
    return torch.tensor([task.verify(prompts[g], text, ended=end).reward for g, text, end in rows])


def mean(x, of):
    return float(x.detach()[of].double().mean())


class ByHand:
    """A run written out: the policy that learns, and the first one, which is the reference and with
    a lag of one batch the sampler of both batches."""

    eps = math.inf
    """A ratio further than this from 1 is silenced."""
    settings: ClassVar[dict[str, Any]] = {}
    """What the run has beside `SETTINGS`."""

    def __init__(self):
        self.policy, self.first = trlib.load_policy("dial"), trlib.load_policy("dial")
        self.given = {
            "minibatches": 1,
            "weight_decay": 0.0,
            "grad_norm": 1.0,
            **SETTINGS,
        } | self.settings
        decay = {"weight_decay": self.given["weight_decay"]}
        self.descent = torch.optim.SGD(self.policy.parameters, lr=1.0, **decay)
        self.updates = 0

    def counted(self, c):
        """[B, T] the tokens that the loss counts."""
        return c.mask

    def weighted(self, advantages):
        """[B, T] from those of completions."""
        return advantages.expand_as(self.mask)

    def loss(self):
        """From `mask`, `a` (advantages), and [B, T] log-probs `new`, `old` and `ref` of a minibatch;
        `full` and `full_old` are whole distributions."""
        raise NotImplementedError

    def after_an_update(self):
        pass

    def batch(self, c, number):
        """Learn from a batch; the columns of its row."""
        self.c, self.mask, rewards = c, self.counted(c), rewards_of(c, number)
        baseline = rewards.view(PROMPTS, GROUP).mean(1).repeat_interleave(GROUP)
        self.full_old, mu = (log_probs(p, c).detach() for p in (self.policy, self.first))
        self.old, self.ref = of_tokens(self.full_old, c), of_tokens(mu, c)
        close(c.logp[c.mask], self.ref[c.mask], 1e-4)
        self.a = self.weighted((rewards - baseline).unsqueeze(1))
        whole = {n: getattr(self, n) for n in ("c", "mask", "a", "old", "ref", "full_old")}
        updates = []
        for epoch in range(EPOCHS):
            for rows in self.parts(number, epoch):
                for name, x in whole.items():
                    setattr(self, name, x.rows(rows) if name == "c" else x[rows])
                updates.append(self.update())
        self.c, self.a = whole["c"], whole["a"]
        ratios = torch.cat([one.pop("ratios") for one in updates]).double()
        # A minibatch may have no token with a positive advantage.
        row = {name: float(np.nanmean([one[name] for one in updates])) for name in updates[0]}
        row |= {name: updates[-1][name] for name in ("ess", "ess_seq")}
        edges = {"ratio_p01": 0.01, "ratio_p99": 0.99, "ratio_max": 1.0}
        row |= {name: float(ratios.quantile(share)) for name, share in edges.items()}
        row |= {"kl_sampler": updates[0]["kl_sampler"], "reward": float(rewards.mean())}
        return row | self.exact(mu.double(), log_probs(self.policy, c).detach().double())

    def parts(self, number, epoch):
        """The rows of each minibatch: whole prompts, in an order that is new in every epoch."""
        order = torch.randperm(PROMPTS, generator=generator(0, "order", number, epoch))
        rows = torch.arange(PROMPTS * GROUP).view(PROMPTS, GROUP)[order]
        count = self.given["minibatches"]
        return rows.view(count, -1) if count > 1 else [torch.arange(PROMPTS * GROUP)]

    def update(self):
        self.full = log_probs(self.policy, self.c)
        self.new = of_tokens(self.full, self.c)
        loss = self.loss()
        self.descent.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters, self.given["grad_norm"])
        self.updates += 1
        warm = min(1, self.updates / (self.given["warmup"] or 1))
        self.descent.param_groups[0]["lr"] = self.given["lr"] * warm
        self.descent.step()
        mask, a = self.mask, self.a
        r, far = (self.new - self.old).detach().exp(), (self.new - self.ref).detach()
        kept = ~((a > 0) & (r > 1 + self.eps) | (a < 0) & (r < 1 - self.eps))
        whole = (far * mask).sum(1)[mask.any(1)].double().exp()
        self.after_an_update()
        return {
            "loss": float(loss.detach()),
            "grad_norm": float(norm),
            "kept": mean(kept, mask),
            "kept_pos": mean(kept, mask & (a > 0)),
            "kept_neg": mean(kept, mask & (a < 0)),
            "ratios": r[mask],
            "ess": float(r[mask].sum() ** 2 / (mask.sum() * (r[mask] ** 2).sum())),
            "ess_seq": float(whole.sum() ** 2 / (len(whole) * (whole**2).sum())),
            "kl_sampler": mean(far.exp() - 1 - far, mask),
        }

    def exact(self, mu, pi):
        """The columns that compare whole distributions, after the last update."""
        there, tv = self.c.mask, (mu.exp() - pi.exp()).abs().sum(-1) / 2
        whole = (of_tokens(pi - mu, self.c) * there).sum(1)
        return {
            "length": float(there.sum(1).double().mean()),
            "entropy": mean(-(pi.exp() * pi).sum(-1), there),
            "kl": mean((mu.exp() * (mu - pi)).sum(-1), there),
            "kl_back": mean((pi.exp() * (pi - mu)).sum(-1), there),
            "kl_seq_back": float((whole.exp() * whole - whole.exp() + 1).mean()),
            "tv": mean(tv, there),
            "tv_max": float(tv[there].max()),
        }

    def compare(self, run, **more):
        """This batch, which is the run's last, column by column, and the weights after it."""
        expected = self.batch(run.last, len(run.history) - 1) | more
        found = run.history.iloc[-1]
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-3, abs=2e-6), name
        for ours, theirs in zip(self.policy.parameters, run.policy.parameters, strict=True):
            close(theirs, ours, 1e-4)


@dataclass(frozen=True, kw_only=True)
class Filtered(GRPO):
    """Dr.GRPO's means, and a filter of whole completions."""

    advantage: str = "group-mean"
    aggregation: str = "seq-mean-token-sum-norm"

    def prepare(self, batch):
        return replace(super().prepare(batch), mask=batch.mask & LEFT.unsqueeze(1))


class FilteredByHand(ByHand):
    eps = 0.2
    settings: ClassVar[dict[str, Any]] = {
        "minibatches": 2,
        "warmup": 6,
        "lr": 0.3,
        "weight_decay": 0.01,
        "grad_norm": 0.2,
    }

    def counted(self, c):
        return c.mask & LEFT.unsqueeze(1)

    def weighted(self, advantages):
        """Times π_old/μ of the token, up to 1.02."""
        return advantages * (self.old - self.ref).exp().clamp(max=1.02)

    def loss(self):
        """PPO's clip and β times k3 to the reference: summed, over the limit, over the completions
        that have a token. β is far below its target, and is halved before each batch."""
        r, d = (self.new - self.old).exp(), self.ref - self.new
        clipped = torch.minimum(r * self.a, r.clamp(0.8, 1.2) * self.a)
        beta = 0.3 / 2 ** math.ceil(self.updates / 4 + 0.1)
        per_token = beta * (d.exp() - d - 1) - clipped
        return (per_token * self.mask).sum() / LIMIT / self.mask.any(1).sum()


def test_two_batches_with_a_reference_and_a_filter():
    hand = FilteredByHand()
    near = Reference(beta=0.3, estimator="k3", controller="ppo", target_kl=100.0)
    for steps in (1, 2):
        run = run_of(
            Filtered(reference=near, correction=Correction(cap=1.02)), steps, **hand.settings
        )
        hand.compare(run, beta_ref=0.3 / 2**steps)
        # What the test is about was there.
        lengths, row = run.last.mask.sum(1), run.history.iloc[-1]
        assert lengths.min() < lengths.max() == run.last.tokens.shape[1] < LIMIT
        assert (hand.a == 0).all(1).any() and 0 < row["kept_pos"] < 1 and 0 < row["kept_neg"] < 1
        assert row["grad_norm"] > 0.2 and (steps == 1 or row["kl_sampler"] > 1e-3)
        assert steps == 1 or 0 < mean((hand.old - hand.ref).exp() > 1.02, hand.mask) < 1
