"""Exercises of chapter 9, TROLL: the gradient through the projection, four strange logs, and a
bucket for the rest that trains `dial`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.built import Built, movements
from trbook.exercises.check import Draw, Exercise, Number, Numbers
from trbook.exercises.verdict import NotYet, floats
from trbook.rollout import adamw, descend, rollout
from trlib import checks
from trlib.advantages import group_relative
from trlib.algorithms.troll import troll_loss
from trlib.model.completions import Completions
from trlib.model.policy import Policy, load_policy


def _policies(draw: Draw, count: int) -> list[Tensor]:
    return [draw.normal(6).log_softmax(-1) for _ in range(count)]


def _through(g: Tensor, logp: Tensor, logp_old: Tensor, eta: float) -> Tensor:
    """dL/dlog π̃ from g = dL/dlog π, where logp is the projected log π."""
    return _chain(g, logp, logp_old, eta)


def _chain(
    g: Tensor,
    logp: Tensor,
    logp_old: Tensor,
    eta: float,
    *,
    shrink: bool = True,
    remove: bool = True,
    centre: bool = True,
    weigh: bool = True,
) -> Tensor:
    p = logp.exp()
    across = _centred(g, logp) if centre else g
    with checks.value_checks(False):  # a check exchanges arguments
        away = (logp - logp_old) - (p * (logp - logp_old)).sum()
    lost = (across * (logp - logp_old)).sum() / (p * away**2).sum().clamp(min=1e-12)
    found = across - lost * (p * away if weigh else away) if remove else across
    return found / (1 + eta) if shrink else found


def _centred(g: Tensor, logp: Tensor) -> Tensor:
    return g - logp.exp() * g.sum()


def _uncentred(
    g: Tensor, logp: Tensor, logp_old: Tensor, eta: float, *, of_the_variance: bool
) -> Tensor:
    """The gradient with d in the place of d - KL, in the variance or in the direction."""
    p, d = logp.exp(), logp - logp_old
    away, across = d - (p * d).sum(), _centred(g, logp)
    lost = (across * d).sum() / (p * (d if of_the_variance else away) ** 2).sum().clamp(min=1e-12)
    return (across - lost * p * (away if of_the_variance else d)) / (1 + eta)


def _wrong_through(g, logp, logp_old, eta):
    given = g, logp, logp_old, eta
    return [
        (
            _chain(*given, remove=False),
            "this is the gradient with the multiplier held fixed; but eta moves when the network "
            "does. Subtract the part along the way out.",
        ),
        (_chain(*given, shrink=False), "the direction is right; divide by 1 + eta."),
        (
            (1 + eta) ** 2 * _chain(*given),
            "the direction is right; divide by 1 + eta, do not multiply.",
        ),
        (
            2 * _chain(*given, remove=False) - _chain(*given),
            "the part along the way out is added here; it is what the projection takes away.",
        ),
        (
            _chain(*given, shrink=False, remove=False),
            "only the normalisation is differentiated here: 1 / (1 + eta) and the part along the "
            "way out are missing.",
        ),
        (
            _chain(*given, centre=False),
            "log π is normalised, so a gradient on it first loses its part along π: G = g - π Σ g.",
        ),
        (
            _chain(*given) + (g - _centred(g, logp)) / (1 + eta),
            "log π is normalised, so a gradient on it first loses its part along π: G = g - π Σ g "
            "in both places.",
        ),
        (
            _uncentred(*given, of_the_variance=False),
            "what is subtracted goes along π (d - KL); here it goes along π d. The KL is the mean "
            "of d under π.",
        ),
        (
            _uncentred(*given, of_the_variance=True),
            "the denominator is the variance of d under π, the mean of (d - KL)²; here it is the "
            "mean of d².",
        ),
        (
            _chain(*given, weigh=False),
            "what is subtracted is π (d - KL), not d - KL: dη/dlog π̃ has the factor π.",
        ),
    ]


check_through = Exercise(
    "Does `through(g, logp, logp_old, eta)` carry a gradient on log π back to log π̃?",
    truth=_through,
    inputs=lambda draw: (draw.normal(6), *_policies(draw, 2), draw.number(0.3, 4)),
    wrong=_wrong_through,
    praise="whatever g is, Σ d dL/dlog π̃ = 0: further out on the same way nothing changes.",
)


NO_PULL, NO_ROOM, MOVING_OLD, FOUR_BITS, NO_ADVANTAGE = 1.0, 2.0, 3.0, 4.0, 5.0
"""The faults that the four logs may have, by their numbers in the chapter."""
_LEARNS = (
    "with all advantages at 0 nothing moves, and the reward stays where it is; this one falls."
)

check_logs = Numbers(
    "What is the fault behind log A, log B, log C and log D: 1, 2, 3, 4 or 5?",
    A=Number(
        FOUR_BITS,
        {
            NO_PULL: "A has tokens outside before the first update on a batch. Without the "
            "regression the network still starts each batch at q.",
            NO_ROOM: "A's projection lies 0.05 nats from q, so the radius is not 0.",
            MOVING_OLD: "a q that is recomputed is never left, and A has tokens outside.",
            NO_ADVANTAGE: "A's reward rises before it falls, so something was learned from it.",
        },
    ),
    B=Number(
        MOVING_OLD,
        {
            NO_PULL: "without the regression the network runs off, and B's KL from q is 0 at "
            "every update.",
            NO_ROOM: "with a radius of 0 every token that moves is outside from the second update "
            "on; in B none is.",
            FOUR_BITS: "a q of four bits differs from the network before any update; B's KL is 0.",
            NO_ADVANTAGE: _LEARNS,
        },
    ),
    C=Number(
        NO_PULL,
        {
            NO_ROOM: "C's projection lies 0.05 nats from q, so the radius is not 0.",
            MOVING_OLD: "a q that is recomputed is never left, and C's network is 5 to 9 nats away.",
            FOUR_BITS: "C has no token outside before the first update: its q is the learner's "
            "own old policy.",
            NO_ADVANTAGE: "C's reward reaches 0.79 by batch 4, so something was learned from it.",
        },
    ),
    D=Number(
        NO_ROOM,
        {
            NO_PULL: "D's network is at most 0.07 nats away: something holds it, and tightly.",
            MOVING_OLD: "a q that is recomputed is never left, and more than half of D's tokens "
            "are outside.",
            FOUR_BITS: "D has no token outside before the first update: its q is the learner's "
            "own old policy.",
            NO_ADVANTAGE: _LEARNS,
        },
    ),
    praise="B is the one to remember: where the old policy is recomputed inside the loop, every KL "
    "that is logged is 0 and the region holds nothing.",
)


def _with_rest(logp: Tensor, ids: Tensor) -> Tensor:
    """[N, K + 1]: the log-probs of the tokens `ids`, and of all others together."""
    return _kept_and(logp, ids, lambda others: others.logsumexp(1, keepdim=True))


def _kept_and(logp: Tensor, ids: Tensor, bucket: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.cat([logp.gather(1, ids), bucket(logp.scatter(1, ids, -torch.inf))], 1)


def _mass(logp: Tensor, ids: Tensor) -> Tensor:
    """[N, 1] the probability of the kept tokens together."""
    return logp.gather(1, ids).exp().sum(1, keepdim=True)


DELTA, KEPT = 0.002, 4
"""The radius and the number of kept tokens in the compared updates; the radius is so small that
most tokens are projected at once."""


def _before(policy: Policy, batch: Completions, rewards: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the tokens of a batch: the distributions [N, V] that they were drawn from, the ids that are
    kept, [N, K], the sampled one first, and the advantages [N]."""
    q = policy.score(batch, full=True).full[batch.mask].detach()
    sampled = batch.tokens[batch.mask][:, None]
    advantages = group_relative(rewards, batch.group, scale=None)[:, None].expand_as(batch.mask)
    return q, q.scatter(1, sampled, torch.inf).topk(KEPT, 1).indices, advantages[batch.mask]


@cache
def _sampled() -> tuple[Completions, tuple[Tensor, Tensor, Tensor]]:
    """A batch of the base model, four prompts with eight completions each, and what `_before` says
    of it."""
    policy = load_policy("dial", dtype="float64")
    batch, rewards = rollout(policy, 7, prompts=4)
    return batch, _before(policy, batch, rewards.double())


def _merged(with_rest: Callable[..., Any], logp: Tensor, ids: Tensor) -> Tensor:
    """The reader's outcomes, or a hint at what they are instead."""
    merged = floats(with_rest(logp, ids.clone()), "a tensor of log-probs")
    count, width = ids.shape
    if merged.shape == (count, width):
        raise NotYet(
            f"your function returns the {width} kept tokens alone; the bucket for all others "
            "comes last."
        )
    if merged.shape != (count, width + 1):
        raise NotYet(
            f"your function returns the shape {list(merged.shape)} instead of {[count, width + 1]}."
        )
    if torch.isnan(merged).any():
        raise NotYet("your function returns NaN; did you take the logarithm of something negative?")
    return merged


def _loss(
    with_rest: Callable[..., Any], now: Tensor, q: Tensor, ids: Tensor, A: Tensor, delta: float
) -> Tensor:
    """TROLL's mean loss over the reader's outcomes, of which the first is the sampled one."""
    with torch.no_grad():
        old = _merged(with_rest, q.clone(), ids)
    with checks.value_checks(False):  # what does not sum to 1 gets a hint below, not an error
        return troll_loss(
            _merged(with_rest, now, ids)[None],
            old[None],
            tokens=torch.zeros(1, len(ids), dtype=torch.long),
            advantages=A[None],
            mask=torch.ones(1, len(ids), dtype=torch.bool),
            delta_kl=delta,
        ).per_token.mean()


def _movements(with_rest: Callable[..., Any]) -> Tensor:
    """Of three updates on one batch."""
    batch, before = _sampled()

    def update(policy: Policy, optimizer: torch.optim.Optimizer) -> None:
        now = policy.score(batch, full=True).full[batch.mask]
        loss = _loss(with_rest, now, *before, DELTA)
        if not loss.requires_grad:
            raise NotYet(
                "no gradient reaches `logp`; is everything detached, or computed outside torch?"
            )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return movements("dial", 0.1, update, 3 * [()])


def _learns(with_rest: Callable[..., Any], batches: int = 5, uses: int = 8) -> str:
    """Trains `dial` with the reader's outcomes, and reports how the reward changed."""
    policy = load_policy("dial")
    means: list[float] = []
    optimizer = adamw(policy, 3e-4)
    for seed in range(batches):
        batch, rewards = rollout(policy, seed, prompts=8)
        means.append(float(rewards.mean()))
        before = _before(policy, batch, rewards)
        for _ in range(uses if seed < batches - 1 else 0):
            now = policy.score(batch, full=True).full[batch.mask]
            descend(policy, optimizer, _loss(with_rest, now, *before, 0.05))
    return (
        f"three updates agree with ours, and TROLL has just learned over your {KEPT} tokens and a "
        f"bucket: from a reward of {means[0]:.2f} to {means[-1]:.2f} after {batches - 1} batches "
        f"of 8 prompts x 8 completions, {uses} epochs each, at a learning rate of 3e-4. The "
        f"whole distribution has {policy.vocabulary} entries."
    )


check_with_rest = Built(
    "Does `with_rest(logp, ids)` merge the tokens outside `ids` into one last outcome, as TROLL's "
    "sparse form does?",
    truth=_with_rest,
    trace=_movements,
    praise=_learns,
    mistakes=[
        (
            lambda logp, ids: torch.cat([logp.gather(1, ids), 1 - _mass(logp, ids)], 1),
            "the bucket holds a probability; the other entries are logarithms.",
        ),
        (
            lambda logp, ids: _kept_and(
                logp, ids, lambda others: torch.full_like(others[:, :1], math.log(1e-12))
            ),
            "the bucket counts for almost nothing, so what leaves the kept tokens is not seen. "
            "Did you write in a constant, or add logarithms? `logsumexp` adds probabilities.",
        ),
        (
            lambda logp, ids: torch.cat(
                [logp.gather(1, ids).log_softmax(1), torch.full_like(logp[:, :1], math.log(1e-12))],
                1,
            ),
            "the kept tokens are divided by their sum; they keep their own probabilities, and "
            "the bucket takes the rest.",
        ),
        (
            lambda logp, ids: _kept_and(
                logp, ids, lambda others: others.logsumexp(1, keepdim=True).detach()
            ),
            "the values are right, but no gradient flows through the bucket.",
        ),
        (
            lambda logp, ids: _kept_and(
                logp,
                ids,
                lambda others: (
                    others.logsumexp(1, keepdim=True) - math.log(others.shape[1] - ids.shape[1])
                ),
            ),
            "the bucket holds the mean probability of the other tokens; merged outcomes add up.",
        ),
        (
            lambda logp, ids: _kept_and(
                logp, ids, lambda others: others.max(1, keepdim=True).values
            ),
            "the bucket holds the likeliest of the other tokens alone; it stands for all of them.",
        ),
        (
            lambda logp, ids: torch.cat([logp.gather(1, ids), logp.logsumexp(1, keepdim=True)], 1),
            "the bucket holds the whole vocabulary, the kept tokens too; its probability is 1.",
        ),
        (
            lambda logp, ids: _with_rest(logp, ids).roll(1, 1),
            "the outcomes are right, but the bucket comes first; put it last, so that `ids` still "
            "finds its tokens.",
        ),
        (
            lambda logp, ids: _with_rest(logp, torch.arange(ids.shape[1]).expand_as(ids)),
            "these are the first tokens of the vocabulary; keep those that `ids` names.",
        ),
        (
            lambda logp, ids: _with_rest(logp, ids).exp(),
            "these are the right probabilities; take their logarithms.",
        ),
    ],
)
