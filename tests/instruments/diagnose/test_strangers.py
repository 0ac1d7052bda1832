"""Dumps from another generator than the one that the thresholds were set on: another vocabulary,
other lengths.

Half of the tokens are all but certain, the others follow a power law over 800 words; lengths are
log-normal, from 4 to 600 tokens; groups have four completions, and advantages are divided by the
group's deviation. Rounding is relative to a logit's size, and a policy that learns moves along its
advantages. Twelve faults at two sizes, and healthy dumps.
"""

import math

import numpy as np
import pytest

from tests.by_day import by_day
from tests.instruments.diagnose.faults import log_softmax
from trlab.diagnose.live import judge_batch

WORDS, GROUP, CHUNK = 800, 4, 1 << 12
SIZES = (96, 320)
FAULTS = {
    "the learner forgot temperature 0.8": "temperature",
    "the sampler recorded log-probs before temperature 1.3": "temperature",
    "top-p 0.9 in the sampler alone": "support",
    "top-k 12 in the sampler alone": "support",
    "one completion in twenty scored on another prompt": "pairing",
    "the learner's column one token late": "shift",
    "padding of -100 counted": "padding",
    "dropout in both passes of the learner": "dropout",
    "a sampler in four bits": "precision",
    "three quarters of the groups solved": "dead-groups",
    "cut at 40 tokens": "truncation",
    "log-probs in bits": "unit",
}
HEALTHY = (
    "the same weights",
    "bf16 sampler",
    "int8 sampler",
    "three versions old",
    "four epochs along the advantage",
    "temperature 0.7 on both sides",
)


def scored(g, n, kind, push, wrong):
    """The log-probs of n drawn tokens: the sampler's, the learner's before its updates, and
    after."""
    rank = np.arange(1, WORDS + 1, dtype=np.float32)
    logits = -np.log(rank) * g.uniform(0.8, 2.5, (n, 1)).astype(np.float32)
    logits += 0.7 * g.standard_t(4, (n, WORDS)).astype(np.float32).clip(-6, 6)
    logits[np.arange(n), g.integers(WORDS, size=n)] += np.where(g.random(n) < 0.5, 11.0, 0.0)

    def rounded(z, share):
        return z * (1 + share * g.standard_normal(z.shape, dtype=np.float32))

    temperature = {"the learner forgot temperature 0.8": 0.8, HEALTHY[5]: 0.7}.get(kind, 1.0)
    temperature = 1.3 if "1.3" in kind else temperature
    share = {HEALTHY[1]: 0.004, HEALTHY[2]: 0.02, "a sampler in four bits": 0.2}.get(kind, 1e-6)
    drawn = rounded(logits, share) / temperature
    if "top-k" in kind:
        drawn = np.where(drawn >= np.sort(drawn, -1)[:, -12, None], drawn, -np.inf)
    if "top-p" in kind:
        order = np.argsort(-drawn, -1)
        p = np.exp(log_softmax(np.take_along_axis(drawn, order, -1)))
        cut = np.take_along_axis(np.cumsum(p, -1) - p >= 0.9, np.argsort(order, -1), -1)
        drawn = np.where(cut, -np.inf, drawn)
    at = (drawn + g.gumbel(size=drawn.shape).astype(np.float32)).argmax(-1), np.arange(n)
    sampler = log_softmax(logits if "1.3" in kind else drawn)[at[::-1]]
    learner = logits / (1.0 if "forgot" in kind else temperature)
    if "another prompt" in kind:
        learner = np.where(
            wrong[:, None], g.permuted(learner, axis=1) * 0.5 + 0.5 * learner, learner
        )
    if kind == HEALTHY[3]:
        learner = learner + 0.12 * g.standard_normal(learner.shape, dtype=np.float32)
    noise = 0.25 if "dropout" in kind else 1e-6
    old, new = rounded(learner, noise), rounded(learner, noise)
    if kind == HEALTHY[4]:
        new[np.arange(n), at[0]] += 0.25 * push
    return [
        x.astype(np.float64)
        for x in (sampler, log_softmax(old)[at[::-1]], log_softmax(new)[at[::-1]])
    ]


def dump(kind, completions, seed):
    """The arrays [B, T] of `judge_batch`."""
    g = np.random.default_rng([seed, completions, len(kind)])
    lengths = np.clip(
        np.exp(g.normal(3.4, 0.8, completions)), 4, 40 if "cut" in kind else 600
    ).astype(int)
    share = 0.9 if "solved" in kind else 0.5
    rewards = (g.random(completions) < share).astype(float)
    if "solved" in kind:
        rewards[np.repeat(g.random(completions // GROUP) < 0.75, GROUP)] = 1.0
    else:  # every group has both
        rewards.reshape(-1, GROUP)[:, :2] = [0.0, 1.0]
    by_group = rewards.reshape(-1, GROUP)
    deviation = by_group.std(1, keepdims=True) + 1e-4
    advantage = ((by_group - by_group.mean(1, keepdims=True)) / deviation).reshape(-1, 1)
    mask = np.arange(lengths.max()) < lengths[:, None]
    wrong = np.arange(completions) % 20 == 7
    push, odd = (np.broadcast_to(x, mask.shape)[mask] for x in (advantage, wrong[:, None]))
    parts = [scored(g, len(push[i : i + CHUNK]), kind, push[i : i + CHUNK], odd[i : i + CHUNK])
             for i in range(0, len(push), CHUNK)]  # fmt: skip
    columns = []
    for values in map(np.concatenate, zip(*parts, strict=True)):
        columns.append(np.full(mask.shape, -100.0 if "padding" in kind else np.nan))
        columns[-1][mask] = values
    sampler, old, new = columns
    if "padding" in kind:
        mask = np.ones_like(mask)
    if "one token late" in kind:
        old, new = (np.concatenate([x[:, :1], x[:, :-1]], 1) for x in (old, new))
    if "bits" in kind and "log-probs" in kind:
        sampler = sampler / math.log(2)
    group = np.arange(completions) // GROUP
    made = {
        "logp": new,
        "logp_rollout": sampler,
        "logp_old": old,
        "advantage": advantage,
        "mask": mask,
        "group": group,
    }
    return made if seed % 2 == 0 or "dropout" in kind else made | {"logp": old, "logp_old": None}


def names(kind, completions, seed):
    return [cause.name for cause in judge_batch(**dump(kind, completions, seed)).causes]


@pytest.mark.parametrize("size", by_day(SIZES, SIZES[0], reason="three times as many tokens"))
def test_a_strangers_dumps_are_named_and_no_healthy_one_is_accused(size):
    missed = {
        kind: found
        for kind, cause in FAULTS.items()
        if cause not in (found := names(kind, size, seed=4))
    }
    assert not missed
    accused = {kind: found for kind in HEALTHY if (found := names(kind, size, seed=4))}
    assert not accused
