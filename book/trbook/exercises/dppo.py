"""Exercises of chapter 7, DPPO: the mask, its divergences, a strange log,
DPPO in the loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import Tensor

import trlib
from trbook.exercises.check import Draw, Exercise
from trbook.exercises.inside import Choice, InTheLoop, Part
from trbook.rollout import adamw, descend, rollout
from trlib.advantages import group_relative
from trlib.algorithms import dppo_loss
from trlib.model.policy import Policy

DELTA = 0.15


def _silenced(p: Tensor, q: Tensor, advantages: Tensor, delta: float) -> Tensor:
    return torch.where(advantages > 0, p - q > delta, p - q < -delta)


def _moved(draw: Draw, count: int = 8) -> tuple[Tensor, Tensor, Tensor, float]:
    """Tokens of middling probability; no difference of probabilities lies within a hundredth of the
    threshold."""
    q, delta = draw.uniform(0.3, 0.6, count), round(draw.number(0.03, 0.2), 2)
    step = draw.uniform(0.02, 0.24, count) * (2 * draw.integers(0, 2, count) - 1)
    near = (step.abs() - delta).abs() < 0.01
    return q + step + 0.02 * step.sign() * near, q, draw.normal(count) + 0.01, delta


def _wrong_silenced(p, q, advantages, delta):
    up = advantages > 0
    return [
        (
            torch.where(up, p - q >= delta, p - q <= -delta),
            "a token that has moved by exactly `delta` is still inside: `>` and `<`, without the "
            "equals sign.",
        ),
        (
            ~_silenced(p, q, advantages, delta),
            "the wrong way round: these are the tokens that keep their gradient.",
        ),
        (
            (p - q).abs() > delta,
            "this stops every token outside, even those that their update would bring back: "
            "that is the mask called IPO. DPPO's looks at the sign of the advantage.",
        ),
        (
            _silenced(q, p, advantages, delta),
            "these tokens are outside, and their update would bring them back. Stop those that "
            "would move further.",
        ),
        (
            torch.where(up, p > q, p < q),
            "every token that has moved with its advantage is stopped here, however little; "
            "compare with delta.",
        ),
        (
            _silenced(p.log(), q.log(), advantages, delta),
            "this compares log-probs, so it is a window on the ratio; take the difference of the "
            "probabilities.",
        ),
        (
            (p - q) * advantages > delta,
            "the size of the advantage has got into the distance; only its sign counts: it says "
            "which way is outward.",
        ),
        (
            torch.where(up, p / q > 1 + delta, p / q < 1 - delta),
            "this is a window on the ratio, PPO's; DPPO compares the difference of the "
            "probabilities, p - q.",
        ),
        (
            (up) & (p - q > delta),
            "a token with A < 0 that has lost more than `delta` is outside as well.",
        ),
        (
            (advantages < 0) & (p - q < -delta),
            "a token with A > 0 that has gained more than `delta` is outside as well.",
        ),
        (
            _silenced(p, q, advantages, 2 * delta),
            "half of the difference is compared here. Between two outcomes, |p - q| and |(1 - p) "
            "- (1 - q)|, the halves add up to |p - q|.",
        ),
    ]


check_silenced = Exercise(
    "Is `silenced(p, q, advantages, delta)` True where DPPO's mask on total variation leaves a "
    "token no gradient?",
    truth=_silenced,
    inputs=_moved,
    examples=[
        ([0.001, 0.8, 0.7, 0.4], [0.00001, 0.99, 0.5, 0.6], [1.0, -1.0, -1.0, 1.0], DELTA),
        ([0.7, 0.3, 0.7, 0.3], [0.5, 0.5, 0.5, 0.5], [1.0, 1.0, -1.0, -1.0], DELTA),
        # Two tokens have moved by exactly delta, in binary fractions, which need no rounding.
        ([0.75, 0.25, 0.875, 0.125], [0.5, 0.5, 0.5, 0.5], [1.0, -1.0, 1.0, -1.0], 0.25),
    ],
    wrong=_wrong_silenced,
    praise="0.00001 -> 0.001 is kept, at a ratio of 100, and 0.99 -> 0.80 is stopped, at a ratio "
    "of 0.81.",
)


def _batch(policy: Policy, seed: int) -> Part:
    """Sixteen prompts of `dial` with eight completions each, and what DPPO's loss takes."""
    batch, rewards = rollout(policy, seed, prompts=16)
    advantages = group_relative(rewards, batch.group, scale=None)[:, None].expand_as(batch.logp)
    return Part(batch, rewards, (batch.logp, advantages, batch.mask))


def _library(
    logp: Tensor,
    logp_mu: Tensor,
    advantages: Tensor,
    mask: Tensor,
    delta: float,
    cap: float,
    **other: Any,
) -> Tensor:
    loss = dppo_loss(
        logp, logp_mu, advantages=advantages, mask=mask, delta_tv=delta, max_ratio=cap, **other
    )
    return loss.per_token.sum() / mask.sum()


def _exchanged(
    *,
    silenced: Callable[..., Tensor] = _silenced,
    weight: Callable[..., Any] = lambda ratio, cap: ratio.clamp(max=cap),
    mean: Callable[[Tensor, Tensor], Tensor] = lambda tokens, mask: tokens[mask].mean(),
) -> Callable[..., Tensor]:
    """The loss with another piece."""

    def loss(
        logp: Tensor, logp_mu: Tensor, a: Tensor, mask: Tensor, delta: float, cap: float
    ) -> Tensor:
        p, q = logp.detach().exp(), logp_mu.exp()
        return mean(-a * weight(p / q, cap) * ~silenced(p, q, a, delta) * logp, mask)

    return loss


_OF_LOGS = _exchanged(silenced=lambda p, q, *rest: _silenced(p.log(), q.log(), *rest))
"""The loss whose mask compares log-probs."""


def strange_log() -> pd.DataFrame:
    """A log of twelve updates on one batch of `dial_rare`, by a DPPO with one fault; a row for each
    of five updates."""
    policy = trlib.load_policy("dial_rare")
    batch, _, (logp_mu, advantages, mask) = _batch(policy, 1)
    optimizer = adamw(policy, 3e-4)
    rows = []
    for update in range(13):
        logp = policy.score(batch).logp
        if update in (1, 2, 4, 8, 12):
            now = logp.detach()[mask]
            silenced = _silenced(now, logp_mu[mask], advantages[mask], DELTA)
            moved = (now.exp() - logp_mu[mask].exp()).abs()
            rows.append(
                {
                    "update": update,
                    "tokens": len(now),
                    "masked": int(silenced.sum()),
                    "least |p - q| of a masked token": float(moved[silenced].min()),
                    "tokens with |p - q| > 0.15": int((moved > DELTA).sum()),
                    "largest r": float((now - logp_mu[mask]).max().exp()),
                }
            )
        descend(policy, optimizer, _OF_LOGS(logp, logp_mu, advantages, mask, DELTA, math.inf))
    return pd.DataFrame(rows).set_index("update")


check_fault = Choice(
    "Which fault does the log show: ratio, anchor, unsigned, cap or aggregate?",
    right="ratio",
    wrong={
        "anchor": "a region around the policy just before each update would see every token at "
        "distance 0 and stop "
        "none. Here tokens are stopped from the first row on; how far had they moved?",
        "unsigned": "an unsigned mask stops every token with |p - q| > 0.15, and none that has "
        "moved less. How many tokens have moved so far, and how many are stopped?",
        "cap": "a cap limits the weight of tokens with a large r; it stops nothing. How far had "
        "the stopped tokens moved?",
        "aggregate": "the mean over tokens decides how long a step is, not which tokens are "
        "masked. How far had these tokens moved?",
    },
    praise="the mask compares log p - log q with 0.15, so it is a window on the ratio, from 0.86 "
    "to 1.16. A rare token leaves it when it has gained two thousandths of probability.",
)


def _with_slope(times: Callable[[Tensor], Any]) -> Callable[..., Tensor]:
    """The loss whose ratio has a slope of its own, times what is made of log-probs."""

    def loss(
        logp: Tensor, logp_mu: Tensor, a: Tensor, mask: Tensor, delta: float, cap: float
    ) -> Tensor:
        ratio = (logp - logp_mu).exp().clamp(max=cap)
        kept = ~_silenced(logp.detach().exp(), logp_mu.exp(), a, delta)
        return (-a * ratio * kept * times(logp))[mask].sum() / mask.sum()

    return loss


def _ppo(
    logp: Tensor, logp_mu: Tensor, a: Tensor, mask: Tensor, delta: float, cap: float
) -> Tensor:
    ratio = (logp - logp_mu).exp()
    return -torch.minimum(ratio * a, ratio.clamp(1 - delta, 1 + delta) * a)[mask].sum() / mask.sum()


check_objective = InTheLoop(
    "Is `objective(logp, logp_mu, advantages, mask, delta, cap)` DPPO's loss of a batch, the mean "
    "over its tokens?",
    truth=_library,
    start="dial_rare",
    rollout=_batch,
    settings=[(0.15, 3.0), (0.05, 1.5)],
    praise="Every library's variant changes one of your lines: anchor, threshold, cap, sign or "
    "mean.",
    mistakes=[
        (
            _exchanged(weight=lambda ratio, cap: ratio),
            "the ratio is not cut at `cap` yet; at the first update no ratio is that large.",
        ),
        (
            partial(_library, signed=False),
            "this also stops tokens outside that would come back; DPPO's mask looks at the "
            "advantage's sign.",
        ),
        (
            _OF_LOGS,
            "the mask compares log-probs here, so it is a window on the ratio; take `exp` before "
            "the difference.",
        ),
        (
            _exchanged(silenced=lambda p, q, *rest: _silenced(p / q, torch.ones_like(q), *rest)),
            "the mask looks at the ratio here; DPPO's looks at p - q.",
        ),
        (
            _exchanged(silenced=lambda p, q, *rest: _silenced(q, p, *rest)),
            "this stops the tokens that come back; stop those that would move further.",
        ),
        (
            _exchanged(silenced=lambda *moved: ~_silenced(*moved)),
            "the mask is inverted: 1 is for tokens that are kept.",
        ),
        (
            _exchanged(silenced=lambda p, *rest: torch.zeros_like(p, dtype=torch.bool)),
            "no token is stopped here, however far it has moved.",
        ),
        (
            _exchanged(silenced=lambda p, q, a, delta: _silenced(p, q, a, 2 * delta)),
            "this compares half of |p - q|; with two outcomes, the halves add up.",
        ),
        (
            _exchanged(silenced=lambda p, q, a, delta: (a > 0) & (p - q > delta)),
            "tokens with A < 0 that have lost more than `delta` count too.",
        ),
        (
            _exchanged(silenced=lambda p, q, a, delta: (a <= 0) & (p - q < -delta)),
            "tokens with A > 0 that gained more than `delta` count too.",
        ),
        (
            _with_slope(lambda logp: logp),
            "the ratio is a weight: `detach` it, or the gradient has the ratio's own slope as well.",
        ),
        (
            _with_slope(lambda logp: 1),
            "tokens beyond `cap` get no gradient here. Either they are left out, or a capped "
            "ratio is differentiated, whose slope there is 0. Detach the ratio and multiply by "
            "`logp`: such a token counts with `cap`.",
        ),
        (
            _ppo,
            "this is PPO's clip on the ratio, with `delta` as its window. DPPO's weight is the "
            "ratio itself, and its mask looks at p - q.",
        ),
        (
            _exchanged(weight=lambda ratio, cap: ratio.clamp(1 / cap, cap)),
            "the ratio is cut from above only; a small one stays.",
        ),
        (
            _exchanged(weight=lambda ratio, cap: (1 / ratio).clamp(max=cap)),
            "the ratio is new over old.",
        ),
        (
            _exchanged(weight=lambda ratio, cap: 1),
            "the importance ratio is missing; at the first update it is 1.",
        ),
        (
            _exchanged(mean=lambda tokens, mask: (tokens * mask).mean()),
            "this divides by all places of the batch, padding included; divide by the number of "
            "tokens, `mask.sum()`.",
        ),
        (
            _exchanged(mean=lambda tokens, mask: tokens[mask].sum()),
            "this is the sum over tokens; divide it by their number, `mask.sum()`.",
        ),
        (
            _exchanged(mean=lambda tokens, mask: (tokens * mask).sum(1).mean()),
            "this sums over tokens and averages over completions; divide by the number of tokens.",
        ),
        (
            _exchanged(mean=lambda tokens, mask: ((tokens * mask).sum(1) / mask.sum(1)).mean()),
            "this is a mean of each completion's mean, so tokens of short completions weigh "
            "more; take one mean over all tokens.",
        ),
    ],
)
