"""Dumps of a random mixture of experts, as a recurrent network: what routing does to log-probs, with
nothing else wrong.

Every token is routed to one of four experts by the largest of their scores. Where sampler and
learner compute the scores a little differently, some tokens go to another expert, and their
distributions are different ones, while the other tokens hardly differ. That looks like an edit of
the sampler's logits: a token that was drawn from one expert's distribution is less likely by
another's.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

EXPERTS, HIDDEN, GROUP, LONGEST = 4, 32, 8, 64
STOP = 0


@dataclass(frozen=True)
class Net:
    """Weights of the network, float32."""

    embed: np.ndarray
    """[V, H]"""
    recur: np.ndarray
    """[H, H]"""
    route: np.ndarray
    """[H, EXPERTS]"""
    experts: np.ndarray
    """[EXPERTS, H, H]"""
    out: np.ndarray
    """[H, V]"""
    prior: np.ndarray
    """[V] logits of words whose frequency falls as their rank rises."""

    def step(self, state, token):
        return np.tanh(state @ self.recur + self.embed[token])

    def logits(self, state, scores, size):
        """[B, V], each row by the expert of its largest score."""
        chosen = scores.argmax(-1)
        mixed = np.tanh(np.einsum("bh,bhk->bk", state, self.experts[chosen]))
        return size * (mixed @ self.out) + self.prior


@cache
def net(seed, vocabulary):
    g = np.random.default_rng([77, seed])

    def normal(*shape):
        return (g.standard_normal(shape) / np.sqrt(shape[-2])).astype(np.float32)

    prior = -1.1 * np.log(np.arange(1, vocabulary + 1, dtype=np.float32))
    prior[STOP] = 1.0
    embed = g.standard_normal((vocabulary, HIDDEN)).astype(np.float32)
    weights = normal(HIDDEN, HIDDEN), normal(HIDDEN, EXPERTS), normal(EXPERTS, HIDDEN, HIDDEN)
    out = g.standard_normal((HIDDEN, vocabulary)).astype(np.float32)
    return Net(embed, 0.6 * weights[0], *weights[1:], out, prior)


def scored(logits, token):
    logits = logits - logits.max(-1, keepdims=True)
    return logits[np.arange(len(token)), token] - np.log(np.exp(logits).sum(-1))


def flat(
    seed,
    completions=96,
    *,
    router=0.0,
    noise=0.01,
    vocabulary=600,
    size=1.6,
    edit=None,
    replay=False,
):
    """A dump's columns with one row per token, as `faults.flat` returns them.

    Args:
        router: standard deviation of the difference of the experts' scores between the two sides.
        noise: of the difference of their logits.
        size: how sharp the distributions are.
        edit: what the sampler adds to its logits [V], if anything.
        replay: the learner uses the sampler's experts (router replay).
    """
    g = np.random.default_rng([78, seed, completions])
    n = net(seed % 4, vocabulary)
    rows = np.arange(completions)
    prompt = g.integers(1, vocabulary, (completions // GROUP, 4)).repeat(GROUP, 0)
    state = np.zeros((completions, HIDDEN), np.float32)
    for t in range(4):
        state = n.step(state, prompt[:, t])
    alive, made = np.ones(completions, bool), []
    for place in range(LONGEST):
        scores = state @ n.route
        other = scores + router * g.standard_normal(scores.shape)
        logits = n.logits(state, other, size)
        learner = n.logits(state, other if replay else scores, size)
        learner = learner + noise * g.standard_normal(learner.shape)
        if edit is not None:
            logits = logits + edit
        p = np.exp(logits - logits.max(-1, keepdims=True)).cumsum(-1)
        token = (p < g.random((completions, 1)) * p[:, -1:]).sum(-1)
        flips = other.argmax(-1) != scores.argmax(-1)
        made.append(
            (
                rows,
                np.full(completions, place),
                token,
                scored(logits, token),
                scored(learner, token),
                alive,
                flips,
            )
        )
        alive = alive & (token != STOP)
        state = n.step(state, token)
    owner, place, token, mu, pi, keep, flips = (np.concatenate(x) for x in zip(*made, strict=True))
    order = np.lexsort((place, owner))
    order = order[keep[order]]
    reward = (
        g.random(completions) < np.repeat(g.uniform(0.15, 0.85, completions // GROUP), GROUP)
    ) * 1.0
    group = rows // GROUP
    advantage = reward - (np.bincount(group, reward) / GROUP)[group]
    at = owner[order]
    return {
        "completion": at,
        "logp": pi[order],
        "logp_old": pi[order].copy(),
        "logp_rollout": mu[order],
        "advantage": advantage[at],
        "mask": np.ones(len(at), bool),
        "group": group[at],
        "reward": reward[at],
        "tokens": token[order],
    }, float(flips.reshape(-1)[order].mean())
