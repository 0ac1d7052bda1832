"""The curve of a method's weight: by its line, or, where no line says it, by the method itself.

Of the latter a group of eight completions of one token each, half of them right. A method that judges a
completion by the mean of its tokens gets long completions instead (`LENGTHS`), of which one token
moves. All were written at probability q; the curve follows the weight of one of them, right or
wrong, while its ratio moves and the other words keep their proportions. Weights are relative to the
one at ratio 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from book.build.cards.card import Card
from trlib.algorithms import Batch, Method, Provided, Scores, lines
from trlib.methods import OBJECTIVES

GROUP = 8
WORDS = 8
LENGTHS = {"gspo": 1000}
"""Tokens of a completion, where one token would show the opposite of the method."""
LIKELY, RARE = 0.3, 0.01
"""Probabilities at which a token was written."""
RATIOS: Sequence[float] = [i / 100 for i in range(1, 251)]
PROBABILITIES: Sequence[float] = [10 ** (i / 50 - 4) for i in range(201)]
"""Of an expert's token under the policy, from 1e-4 to 1."""


def weights(card: Card, *, q: float, right: bool, ratios: Sequence[float] = RATIOS) -> list[float]:
    """w at every ratio below 1/q, over |w| at ratio 1."""
    both = torch.tensor([1.0, *ratios], dtype=torch.float64)
    line = OBJECTIVES[card.name]().line
    found = _weights(card, q, both, right) if line is None else _by_line(line, card, q, both, right)
    at_one, *followed = found.tolist()
    return [weight / abs(at_one) for weight in followed]


def _by_line(line: str, card: Card, q: float, ratios: Tensor, right: bool) -> Tensor:
    """[R]: what a method's line says of a token with an advantage of 1 or -1."""
    old = torch.full((len(ratios), LENGTHS.get(card.name, 1)), math.log(q), dtype=torch.float64)
    new = old.clone()
    new[:, 0] += ratios.log()
    advantages = torch.full_like(old, 1.0 if right else -1.0)
    known = lines.of_tokens(advantages, new, old, torch.ones_like(old, dtype=torch.bool))
    return lines.evaluate(line, known)[:, 0]


def _weights(card: Card, q: float, ratios: Tensor, right: bool) -> Tensor:
    """[R]: a group for each ratio, whose first completion has moved to it; the others stand at
    ratio 1."""
    method, count, length = OBJECTIVES[card.name](), len(ratios), LENGTHS.get(card.name, 1)
    old = torch.full((count * GROUP, length), math.log(q), dtype=torch.float64)
    new = old.clone()
    new[::GROUP, 0] += ratios.log()
    rewards = torch.tensor(
        [float((i % 2 == 0) == right) for i in range(GROUP)], dtype=torch.float64
    ).repeat(count)
    outputs = method.needs(method.anchor).critic_outputs
    nothing = torch.zeros_like(old) if outputs == 1 else old.new_zeros(*old.shape, outputs)
    provided = Provided(
        logp_old=old,
        logp_ref=old,
        full_anchor=_whole(old) if length == 1 else None,
        values=nothing,
    )
    batch = replace(
        _batch(method, old, provided),
        rewards=rewards,
        group=torch.arange(count).repeat_interleave(GROUP),
        extra={"returns": torch.zeros_like(old)},
    )
    batch = method.prepare(batch)
    new.requires_grad_()
    loss = method.objective(
        Scores(new, _whole(new) if length == 1 else None, values=nothing), batch
    )
    if "weight" in loss.diagnostics:
        return loss.diagnostics["weight"][::GROUP, 0]
    (slope,) = torch.autograd.grad(method.loss(loss.per_token, batch), new)
    return -slope[::GROUP, 0]


def _batch(method: Method, logp: Tensor, provided: Provided, *, forced: bool = False) -> Batch:
    """Completions without rewards, each a group of its own; `forced`: written by an expert."""
    mask = torch.full(logp.shape, not forced)
    return Batch(
        tokens=torch.zeros(mask.shape, dtype=torch.long),
        mask=mask,
        forced=~mask,
        rewards=torch.zeros(len(logp), dtype=torch.float64),
        group=torch.arange(len(logp)),
        ended=mask[:, 0],
        horizon=mask.shape[1],
        logp_rollout=logp,
        anchor=method.anchor,
        provided=provided,
    )


def _whole(logp: Tensor) -> Tensor:
    """[B, T, V]: the first word has this log-prob, the others share the rest alike."""
    rest = (-logp.exp()).log1p() - math.log(WORDS - 1)
    return torch.cat([logp.unsqueeze(-1), rest.unsqueeze(-1).expand(*logp.shape, WORDS - 1)], -1)


def expert_weights(card: Card, probabilities: Sequence[float] = PROBABILITIES) -> list[float]:
    """w of an expert's token at every probability that the policy gives it."""
    method = OBJECTIVES[card.name]()
    logp = torch.tensor(probabilities, dtype=torch.float64).log().unsqueeze(-1)
    batch = replace(
        _batch(method, logp, Provided(logp_old=logp), forced=True),
        advantages=torch.zeros_like(logp),
    )
    return method.objective(Scores(logp), batch).diagnostics["weight"][:, 0].tolist()
